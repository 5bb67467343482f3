"""The kernels use vector instructions, which a small change can silently end."""

import re
import sysconfig

import numba
import pytest

from vla_gym.rendering.native.loading import load_kernels

X86 = re.search(r"x86_64|amd64|AMD64", sysconfig.get_platform())
PACKED = r"\tv?(?:mul|add|fn?madd\w*|fn?msub\w*)ps\t"
ROOT = r"\tv?sqrtps\t"
MASKED_WRITE = r"\tvp?maskmov(?:ps|d)\t[^\n]*, [^,\n]*\([^\n]*\)\n"
"""As vmaskmovps %ymm7, %ymm9, (%r12): AMD's processors take many cycles for one."""


def assembly(module, name):
    """Assembly of a kernel, compiled anew: what comes from the cache has none."""
    load_kernels()
    kernel = getattr(__import__(f"vla_gym.rendering.native.{module}", fromlist=[name]), name)
    options = {k: v for k, v in kernel.targetoptions.items() if k not in ("nopython", "cache")}
    (signature,) = kernel.signatures
    again = numba.njit(signature, **options)(kernel.py_func)
    (text,) = again.inspect_asm().values()
    return text


@pytest.mark.skipif(not X86, reason="assembly of another processor")
@pytest.mark.parametrize(
    ("module", "kernel", "roots"),
    [
        ("quadric_rows", "sphere_rows", 1),
        ("quadric_rows", "ellipsoid_rows", 1),
        ("quadric_rows", "capsule_rows", 3),
        ("quadric_rows", "cylinder_rows", 1),
        ("box_rows", "box_rows", 0),
        ("triangle_rows", "triangle_rows", 0),
        ("texture_rows", "_find_texels", 0),
        ("texture_rows", "_blend", 0),
        ("texture_rows", "_multiply", 0),
    ],
)
def test_kernels_are_vectorised(module, kernel, roots):
    text = assembly(module, kernel)
    assert len(re.findall(PACKED, text)) >= 4
    assert len(re.findall(ROOT, text)) >= roots
    assert not re.search(MASKED_WRITE, text)


@pytest.mark.skipif(not X86, reason="assembly of another processor")
def test_the_check_sees_a_kernel_that_is_not_vectorised():
    @numba.njit("void(float32[::1], float32[::1])")
    def running(a, out):
        for i in range(1, a.size):
            out[i] = out[i - 1] * a[i] + a[i]

    (text,) = running.inspect_asm().values()
    assert not re.findall(PACKED, text)
