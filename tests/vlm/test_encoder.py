"""CLIP models: the embedded one, small random ones, and unavailable ones."""

import json

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file

from vla_gym.errors import (
    CheckpointError,
    HubError,
    InvalidConfigError,
    MissingDependencyError,
    UnknownNameError,
)
from vla_gym.vlm.correlative import correlative
from vla_gym.vlm.dense import encode_dense
from vla_gym.vlm.encoder import ClipEncoder
from vla_gym.vlm.grounding import Grounder
from vla_gym.vlm.inference import BatchThreadPool, dtype_of
from vla_gym.vlm.model_folder import EMBEDDED_DIR

VIT = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
TIMM = VIT | {
    "vision_cfg": {
        "timm_model_name": "vit_tiny_patch16_224",
        "timm_model_pretrained": False,
        "timm_pool": "token",
        "timm_proj": "linear",
        "image_size": 224,
    }
}
RESNET = VIT | {
    "vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None}
}


def save_model(folder, config):
    torch.manual_seed(0)
    model = open_clip.CLIP(**config)
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}})
    )
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return folder


def images_of(n=2, size=32):
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), np.uint8)


@pytest.fixture(scope="module")
def embedded():
    return ClipEncoder(device="cpu", precision="float32")


@pytest.mark.parametrize(("config", "grid"), [(VIT, (4, 4)), (TIMM, (14, 14))])
def test_any_open_clip_folder_gives_pooled_and_dense_features(config, grid, tmp_path):
    folder = save_model(tmp_path / "tiny", config)
    for name in (str(folder), f"local-dir:{folder}"):
        encoder = ClipEncoder(name, device="cpu")
        seen = encoder.encode_image(images_of())
        assert encoder.grid == grid and encoder.embed_dim == 32
        assert seen.pooled.shape == (2, 32) and seen.tokens.shape == (2, grid[0] * grid[1], 32)
        for x in (seen.pooled, seen.tokens, encoder.encode_text(["a red cube", "b"])):
            torch.testing.assert_close(x.norm(dim=-1), torch.ones(x.shape[:-1]))
        found = Grounder(encoder).ground(images_of(), ["put the red cube in the blue bowl"] * 2)
        assert found.point.shape == (2, 2, 2) and found.point.abs().max() <= 1
        assert found.heat.shape == (2, 2, *grid)


def test_shares_on_threads_equal_one_batch():
    encoder = ClipEncoder(device="cpu", precision="float32")
    whole = encoder.encode_image(images_of(11, 128))
    encoder._threads = BatchThreadPool(3)
    parts = encoder.encode_image(images_of(11, 128))
    torch.testing.assert_close(parts.tokens, whole.tokens, atol=1e-5, rtol=0)
    torch.testing.assert_close(parts.pooled, whole.pooled, atol=1e-5, rtol=0)


def test_bfloat16_is_close_to_float32():
    exact, short = (ClipEncoder(device="cpu", precision=p) for p in ("float32", "bfloat16"))
    a, b = (e.encode_image(images_of(3, 128)) for e in (exact, short))
    assert b.tokens.dtype == b.pooled.dtype == torch.float32
    assert (a.tokens * b.tokens).sum(-1).min() > 0.99
    with pytest.raises(UnknownNameError, match="bfloat16"):
        ClipEncoder(device="cpu", precision="float8")


def test_a_gpu_and_native_bfloat16_are_used_if_available(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    assert dtype_of("auto", torch.device("cuda")) is torch.bfloat16
    for native, wanted in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda n=native: n)
        assert dtype_of("auto", torch.device("cpu")) is wanted
    assert dtype_of("float32", torch.device("cuda")) is torch.float32


def test_features_equal_open_clips(tmp_path):
    folder = save_model(tmp_path / "tiny", VIT)
    encoder = ClipEncoder(str(folder), device="cpu", precision="float32")
    model = open_clip.create_model(f"local-dir:{folder}").eval()
    x = (torch.as_tensor(images_of()).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
    with torch.no_grad():
        expected = model.encode_image(x, normalize=True)
        words = model.encode_text(open_clip.tokenize(["a cube"], 16), normalize=True)
    torch.testing.assert_close(
        encoder.encode_image(images_of()).pooled, expected, atol=1e-5, rtol=0
    )
    torch.testing.assert_close(encoder.encode_text(["a cube"]), words, atol=1e-5, rtol=0)


def test_a_tower_without_dense_tokens_is_an_error(tmp_path):
    with pytest.raises(InvalidConfigError, match="ViT-B-32"):
        ClipEncoder(str(save_model(tmp_path / "tiny", RESNET)), device="cpu")


def test_the_embedded_model_loads_in_open_clip_and_is_small(embedded):
    size = sum(f.stat().st_size for f in EMBEDDED_DIR.iterdir())
    assert size < 12e6
    plain = open_clip.create_model(f"local-dir:{EMBEDDED_DIR}", require_pretrained=True).eval()
    image = images_of(3, 128)
    config = json.loads((EMBEDDED_DIR / "open_clip_config.json").read_text())["preprocess_cfg"]
    mean, std = (torch.tensor(config[k]).view(1, 3, 1, 1) for k in ("mean", "std"))
    x = (torch.as_tensor(image).permute(0, 3, 1, 2) / 255 - mean) / std
    with torch.no_grad():
        expected = plain.encode_image(x, normalize=True)
    torch.testing.assert_close(embedded.encode_image(image).pooled, expected, atol=1e-4, rtol=0)


def test_other_image_sizes_are_resized(embedded):
    small = embedded.encode_image(images_of(1, 64))
    assert small.tokens.shape[1] == embedded.grid[0] * embedded.grid[1]


@pytest.mark.parametrize(
    "images", [np.zeros((1, 3, 8, 8), np.uint8), np.zeros((1, 8, 8, 3), np.float32)]
)
def test_images_of_the_wrong_type(images, embedded):
    with pytest.raises(InvalidConfigError, match="uint8 of shape"):
        embedded.encode_image(images)


def test_text_is_encoded_once(embedded, monkeypatch):
    first = embedded.encode_text(["a red cube", "a blue bowl", "a red cube"])
    assert torch.equal(first[0], first[2]) and not torch.equal(first[0], first[1])
    monkeypatch.setattr(embedded.clip, "encode_text", None)
    assert torch.equal(embedded.encode_text(["a blue bowl"])[0], first[1])


def test_unknown_open_clip_models():
    with pytest.raises(UnknownNameError, match="ViT-B-32"):
        ClipEncoder("ViT-B-33")
    with pytest.raises(UnknownNameError, match="laion2b_s34b_b79k"):
        ClipEncoder("ViT-B-32", "laion9b")
    with pytest.raises(InvalidConfigError, match="pretrained="):
        ClipEncoder("ViT-B-32")


def test_an_unreachable_hub(monkeypatch):
    def offline(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(open_clip, "create_model", offline)
    with pytest.raises(HubError, match="embedded"):
        ClipEncoder("ViT-B-32", "laion2b_s34b_b79k")
    with pytest.raises(HubError, match="pretrained='laion2b_s34b_b79k'"):
        ClipEncoder("ViT-B-32:laion2b_s34b_b79k")


def test_a_model_that_needs_another_package(monkeypatch):
    def missing(*args, **kwargs):
        raise ImportError("transformers")

    monkeypatch.setattr(open_clip, "create_model", missing)
    with pytest.raises(MissingDependencyError, match="pip install"):
        ClipEncoder("hf-hub:someone/something")


def test_folders_without_a_model(tmp_path):
    with pytest.raises(CheckpointError, match="open_clip_config.json"):
        ClipEncoder(str(tmp_path))
    folder = save_model(tmp_path / "tiny", VIT)
    weights = folder / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        ClipEncoder(str(folder))
    weights.unlink()
    with pytest.raises(CheckpointError, match="No CLIP weights"):
        ClipEncoder(str(folder))


@pytest.mark.parametrize("name", ["ViT-B-32", "vit_tiny_patch16_224"])
def test_dense_tokens_are_local(name):
    """An image of two halves: a token is similar to its own half, and not to the other."""
    torch.manual_seed(0)
    cfg = VIT if name == "ViT-B-32" else TIMM
    visual = open_clip.CLIP(**cfg).visual.eval()
    size = cfg["vision_cfg"]["image_size"]
    x = torch.zeros(1, 3, size, size)
    x[..., size // 2 :] = torch.randn(3, 1, 1)
    with torch.no_grad():
        pooled, tokens, (gh, gw) = encode_dense(visual, x)
        plain = visual(x)
    torch.testing.assert_close(pooled, torch.nn.functional.normalize(plain, dim=-1))
    alike = (tokens[0] @ tokens[0].T).view(gh, gw, gh, gw)[0, 0]
    assert alike[:, : gw // 2].mean() > alike[:, gw // 2 :].mean()


def test_correlative_attention_by_hand():
    torch.manual_seed(0)
    qkv = torch.randn(1, 3, 6)
    q, k, v = qkv[0].split(2, dim=-1)
    weight = (q @ q.T / 2**0.5).softmax(-1) + (k @ k.T / 2**0.5).softmax(-1)
    torch.testing.assert_close(correlative(qkv, 1)[0], weight @ v)
