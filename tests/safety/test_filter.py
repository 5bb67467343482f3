"""The nearest permitted twist, against a quadratic-program solver and by its own conditions."""

from __future__ import annotations

import numpy as np
import pytest

from vla_gym.safety.filter import nearest


def problem(rng, n=40, m=7, d=6):
    wanted = rng.normal(size=(n, d))
    normals = rng.normal(size=(n, m, d))
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    return wanted, normals, -rng.uniform(0.05, 1.0, (n, m))


def test_agrees_with_a_solver():
    daqp = pytest.importorskip("daqp", reason="the solver to compare with is not installed")
    wanted, normals, least = problem(np.random.default_rng(0))
    ours = nearest(wanted, normals, least)
    for x, w, a, b in zip(ours, wanted, normals, least, strict=True):
        theirs, _, flag, _ = daqp.solve(
            np.eye(6), -w, np.ascontiguousarray(a), np.full(len(b), 1e30), b.copy(),
            np.zeros(len(b), np.int32),
        )  # fmt: skip
        assert flag == 1
        assert np.linalg.norm(x - w) <= np.linalg.norm(theirs - w) + 5e-3
        assert (a @ x >= b - 1e-3).all()


def test_keeps_every_constraint_that_rest_keeps():
    wanted, normals, least = problem(np.random.default_rng(1), n=500, m=40)
    x = nearest(wanted * 5, normals, least)
    assert (np.einsum("nmd,nd->nm", normals, x) >= least - 1e-6).all()


def test_leaves_what_is_permitted_alone():
    wanted, normals, _ = problem(np.random.default_rng(2))
    least = np.einsum("nmd,nd->nm", normals, wanted) - 0.1
    assert np.array_equal(nearest(wanted, normals, least), wanted)


def test_pushes_out_of_what_is_violated():
    x = nearest(np.zeros((1, 6)), np.eye(6)[None, :1], np.array([[0.1]]))
    assert x[0] == pytest.approx([0.1, 0, 0, 0, 0, 0])


def test_rows_of_zeros_are_no_constraints():
    wanted = np.ones((2, 6))
    assert np.array_equal(nearest(wanted, np.zeros((2, 3, 6)), np.ones((2, 3))), wanted)
