"""Pretraining: its texts are true, its files are complete, and it can be resumed."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file

from vla_gym.errors import CheckpointError
from vla_gym.language.vocabulary import COLOUR_SYNONYMS
from vla_gym.pretraining.bpe import learn_merges, vocabulary_size, write_merges
from vla_gym.pretraining.instruction_templates import vocabulary
from vla_gym.pretraining.labelled_phrases import describe, describe_absent, describe_anything
from vla_gym.pretraining.localisation import evaluate_grounding
from vla_gym.pretraining.model_files import export, save_weights
from vla_gym.pretraining.pretrain_config import PretrainConfig
from vla_gym.pretraining.scene_sampler import SceneSampler
from vla_gym.pretraining.table_objects import COLOUR_WORDS, HELD_OUT_COLOURS, draw_objects
from vla_gym.pretraining.targets import cell_aims
from vla_gym.pretraining.trainer import Trainer, pretrain
from vla_gym.vlm.encoder import ClipEncoder
from vla_gym.vlm.roles import RoleReader
from vla_gym.vlm.tower import ConvTower, fuse_batch_norm


def test_phrases_name_one_object():
    rng = np.random.default_rng(0)
    count = 0
    for _ in range(100):
        objects = draw_objects(rng)
        for i, thing in enumerate(objects):
            phrase = describe(rng, thing, objects)
            if phrase is None:
                continue
            count += 1
            fits = [phrase.fits(other) for other in objects]
            assert int(np.argmax(fits)) == i and sum(f > 0.5 for f in fits) == 1
        wrong = describe_absent(rng, objects)
        assert wrong is None or max(wrong.fits(t) for t in objects) < 0.5
    assert count > 200


def test_scenes_are_seeded():
    def shoot():
        sampler = SceneSampler(2, n_threads=1)
        return sampler.sample(np.random.default_rng(4))

    a, b = shoot(), shoot()
    assert np.array_equal(a.images, b.images) and a.images.shape == (2, 128, 128, 3)
    assert np.array_equal(a.ground, b.ground)


def test_crowded_objects_are_close_and_cells_aim_at_their_own_object():
    def shoot(crowd_share):
        sampler = SceneSampler(16, n_threads=1, wrist_share=0.0, crowd_share=crowd_share)
        views = sampler.sample(np.random.default_rng(6))
        sampler.renderer.close()
        gaps = []
        for objects, spots in zip(views.objects, views.ground, strict=True):
            here = [i for i, t in enumerate(objects) if t.kind != "line"]
            away = np.linalg.norm(spots[here, None] - spots[here], axis=-1)
            gaps.append(away[np.triu_indices(len(here), 1)].min())
        return views, np.median(gaps)

    (views, crowded), (_, usual) = shoot(1.0), shoot(0.0)
    assert crowded < 0.8 * usual
    aims = cell_aims(views)
    cover = views.cover.reshape(*views.cover.shape[:2], -1)
    shown = cover.max(axis=1) >= 0.2
    assert np.isnan(aims[~shown]).all() and not np.isnan(aims[shown]).any()
    owner = cover.argmax(axis=1)
    rows = np.arange(len(cover))[:, None]
    assert np.array_equal(aims[shown], views.point[rows, owner][shown])


def test_every_word_of_the_package_is_one_token(tmp_path):
    words = vocabulary()
    merges = learn_merges(words)
    path = write_merges(merges, tmp_path)
    tokenizer = open_clip.SimpleTokenizer(str(path), context_length=48)
    assert tokenizer.vocab_size == vocabulary_size(merges)
    for word in ("crimson", "bowl", "cylinder"):
        assert (tokenizer([word])[0] > 0).sum() == 3  # start, the word, end
    strange = tokenizer(["xylophonic quux ü"])[0]
    assert (strange > 0).sum() > 5


def test_fusing_batch_norm_changes_nothing():
    torch.manual_seed(0)
    tower = ConvTower().train()
    for _ in range(3):
        tower(torch.randn(4, 3, 64, 64))
    tower.eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        before = tower(x)
        after = fuse_batch_norm(tower)(x)
    torch.testing.assert_close(before, after, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_resuming_gives_the_same_weights(tmp_path):
    config = PretrainConfig(
        out=str(tmp_path / "a"), steps=4, batch=4, threads=1, save_every_s=1e9, valid_batches=1,
        skill_steps=2,
    )  # fmt: skip
    whole = pretrain(config)
    assert np.isfinite(whole["loss"]["total"])
    part = dataclasses.replace(config, out=str(tmp_path / "b"))
    trainer = Trainer(part)
    trainer._next = trainer._renderer.submit(trainer._batch, 0)
    trainer.save([trainer._train_step() for _ in range(2)])
    trainer._renderer.shutdown()
    pretrain(dataclasses.replace(part, resume=True))
    a, b = (ClipEncoder(str(tmp_path / x), device="cpu") for x in "ab")
    for x, y in zip(a.clip.state_dict().values(), b.clip.state_dict().values(), strict=True):
        assert torch.equal(x, y)


def test_weights_are_written_as_safetensors_writes_them(tmp_path):
    torch.manual_seed(0)
    roles, clip = RoleReader(32, 16), torch.nn.Linear(3, 2)
    save_weights(clip, roles, tmp_path / "model")
    save_file(roles.state_dict(), tmp_path / "roles.safetensors")
    same = (tmp_path / "roles.safetensors").read_bytes()
    assert (tmp_path / "model" / "roles.safetensors").read_bytes() == same
    back = RoleReader.load(tmp_path / "model")
    assert all(map(torch.equal, roles.state_dict().values(), back.state_dict().values()))
    export(tmp_path / "model", tmp_path / "copy")
    assert (tmp_path / "copy" / "roles.safetensors").read_bytes() == same
    names = ["open_clip_model.safetensors", "roles.safetensors"]
    assert sorted(f.name for f in (tmp_path / "copy").iterdir()) == names


def test_an_untrained_clip_of_the_same_shape(tmp_path):
    script = Path(__file__).parents[2] / "scripts" / "make_random_clip.py"
    env = os.environ | {"PYTHONPATH": str(script.parents[1])}
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, env=env)
    encoder = ClipEncoder(str(tmp_path), device="cpu")
    assert encoder.grid == (16, 16) and encoder.roles is None


def test_nothing_to_resume(tmp_path):
    with pytest.raises(CheckpointError, match="resume"):
        pretrain(PretrainConfig(out=str(tmp_path), resume=True, batch=2, threads=1, steps=1))


def test_held_out_colours_are_nowhere_in_pretraining():
    assert len(HELD_OUT_COLOURS) > 50 and not set(HELD_OUT_COLOURS) & set(COLOUR_WORDS)
    assert set(COLOUR_SYNONYMS) <= set(COLOUR_WORDS)  # new to robots, not to CLIP
    rng = np.random.default_rng(0)
    for _ in range(300):
        objects = draw_objects(rng)
        phrases = [describe(rng, t, objects) for t in objects] + [
            describe_absent(rng, objects),
            describe_anything(rng),
        ]
        said = {p.word for p in phrases if p} | {t.word for t in objects}
        assert not said & set(HELD_OUT_COLOURS)


@pytest.mark.slow
def test_the_embedded_clip_is_as_good_as_its_card_says():
    result = evaluate_grounding(ClipEncoder(device="cpu"), 64)
    assert result["phrases"]["right_object"] > 0.85
    assert result["instructions"]["role_swap"] < 0.12
    assert result["phrases"]["median_mm"] < 20
