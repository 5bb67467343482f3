"""Pretraining: its sentences are true, and it can be stopped and gone on with."""

import dataclasses

import numpy as np
import open_clip
import pytest
import torch

from vla_gym.errors import CheckpointError
from vla_gym.language.vocabulary import COLOUR_SYNONYMS
from vla_gym.pretraining.bpe import learn_merges, vocabulary_size, write_merges
from vla_gym.pretraining.phrases import UNHEARD, WORDS, deny, describe, draw_things, stray
from vla_gym.pretraining.queries import cell_aims, vocabulary
from vla_gym.pretraining.scene_sampler import SceneSampler
from vla_gym.pretraining.trainer import PretrainConfig, Trainer, pretrain
from vla_gym.vlm.encoder import ClipEncoder
from vla_gym.vlm.tower import ConvTower, fuse_batch_norm


def test_phrases_single_out_their_thing():
    rng = np.random.default_rng(0)
    told = 0
    for _ in range(100):
        things = draw_things(rng)
        for i, thing in enumerate(things):
            phrase = describe(rng, thing, things)
            if phrase is None:
                continue
            told += 1
            fits = [phrase.fits(other) for other in things]
            assert int(np.argmax(fits)) == i and sum(f > 0.5 for f in fits) == 1
        wrong = deny(rng, things)
        assert wrong is None or max(wrong.fits(t) for t in things) < 0.5
    assert told > 200


def test_scenes_are_seeded_and_told_truly():
    def shoot():
        sampler = SceneSampler(2, n_threads=1)
        return sampler.sample(np.random.default_rng(4))

    a, b = shoot(), shoot()
    assert np.array_equal(a.images, b.images) and a.images.shape == (2, 128, 128, 3)
    assert np.array_equal(a.ground, b.ground)


def test_on_crowded_tables_things_stand_close_and_cells_aim_at_their_own_thing():
    def shoot(crowd_share):
        sampler = SceneSampler(16, n_threads=1, wrist_share=0.0, crowd_share=crowd_share)
        views = sampler.sample(np.random.default_rng(6))
        sampler.pool.close()
        gaps = []
        for things, spots in zip(views.things, views.ground, strict=True):
            here = [i for i, t in enumerate(things) if t.kind != "line"]
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
def test_stopping_and_going_on_gives_the_same_weights(tmp_path):
    config = PretrainConfig(
        out=str(tmp_path / "a"), steps=4, batch=4, threads=1, save_every_s=1e9, valid_batches=1,
        skill_steps=2,
    )  # fmt: skip
    whole = pretrain(config)
    assert np.isfinite(whole["loss"]["total"])
    part = dataclasses.replace(config, out=str(tmp_path / "b"))
    trainer = Trainer(part)
    trainer._next = trainer._ahead.submit(trainer._batch, 0)
    trainer.save([trainer._train_step() for _ in range(2)])
    trainer._ahead.shutdown()
    pretrain(dataclasses.replace(part, resume=True))
    a, b = (ClipEncoder(str(tmp_path / x), device="cpu") for x in "ab")
    for x, y in zip(a.clip.state_dict().values(), b.clip.state_dict().values(), strict=True):
        assert torch.equal(x, y)


def test_nothing_to_resume(tmp_path):
    with pytest.raises(CheckpointError, match="resume"):
        pretrain(PretrainConfig(out=str(tmp_path), resume=True, batch=2, threads=1, steps=1))


def test_what_is_kept_out_of_pretraining_is_nowhere_in_it():
    assert len(UNHEARD) > 50 and not set(UNHEARD) & set(WORDS)
    assert set(COLOUR_SYNONYMS) <= set(WORDS)  # new to robots, not to CLIP
    rng = np.random.default_rng(0)
    for _ in range(300):
        things = draw_things(rng)
        phrases = [describe(rng, t, things) for t in things] + [deny(rng, things), stray(rng)]
        said = {p.word for p in phrases if p} | {t.word for t in things}
        assert not said & set(UNHEARD)
