"""Videos are written, captioned and put side by side; without an encoder a gif is written."""

import subprocess
import sys

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from vla_gym.errors import InvalidConfigError
from vla_gym.tracking import video
from vla_gym.tracking.video import captioned, enlarged, side_by_side, write_video


@pytest.fixture
def frames() -> np.ndarray:
    out = np.full((6, 31, 33, 3), 40, np.uint8)
    for t in range(6):
        out[t, 10:20, 4 * t : 4 * t + 8] = (220, 60, 40)
    return out


def test_mp4_can_be_read_back(tmp_path, frames):
    path = write_video(tmp_path / "videos" / "a.mp4", frames, fps=10, min_side=62)
    assert path.suffix == ".mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo"]
    done = subprocess.run([*command, "-pix_fmt", "rgb24", "-"], capture_output=True, check=True)
    assert b"10 fps" in done.stderr
    images = np.frombuffer(done.stdout, np.uint8).reshape(-1, 62, 66, 3)
    assert len(images) == 6
    assert np.abs(images[0][30, 8].astype(int) - (220, 60, 40)).max() < 40
    assert np.abs(images[0][50, 60].astype(int) - 40).max() < 20


def test_without_an_encoder_there_is_a_gif(tmp_path, frames, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    path = write_video(tmp_path / "a.mp4", frames, fps=10)
    assert path == tmp_path / "a.gif"
    assert list(tmp_path.iterdir()) == [path]
    with Image.open(path) as image:
        assert image.n_frames == 6
        assert image.info["duration"] == 100


@pytest.mark.parametrize("name", ["a.mp4", "a.gif"])
def test_a_crash_leaves_the_old_video(tmp_path, frames, monkeypatch, name):
    path = write_video(tmp_path / name, frames)
    old = path.read_bytes()

    def crash(target, frames, fps):
        target.write_bytes(old[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(video, f"_write_{path.suffix[1:]}", crash)
    with pytest.raises(KeyboardInterrupt):
        write_video(path, frames[:2])
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_enlarged_and_caption(frames):
    assert enlarged(frames, 60).shape == (6, 62, 66, 3)
    assert enlarged(frames, 10).shape == frames.shape
    text = "put the red cube into the blue bowl, and then rest"
    shown = captioned(enlarged(frames, 120), text)
    assert shown.shape[2] == 33 * 4
    assert shown.shape[1] > 31 * 4 + 20
    assert shown[:, 31 * 4 :].min() < 80, "there is ink on the strip"
    assert np.array_equal(shown[:, : 31 * 4], enlarged(frames, 120))


def test_shorter_videos_hold_their_last_frame(frames):
    both = side_by_side([frames, frames[:2]], gap=4)
    assert both.shape == (6, 31, 33 * 2 + 4, 3)
    assert np.array_equal(both[5, :, 37:], frames[1])


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (4, 4, 3), (2, 4, 4, 4)])
def test_bad_frames(tmp_path, shape):
    with pytest.raises(InvalidConfigError, match="uint8"):
        write_video(tmp_path / "a.mp4", np.zeros(shape, np.uint8))
