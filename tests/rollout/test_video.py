"""Films: whole or not at all, and no reason to lose a score."""

from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import odd_worlds as odd
import pytest

from worldmodel.rollout.video import Filmed, VideoJob, make_filmer, write_mp4
from worldmodel.types import UserError

FRAMES = [np.full((64, 64, 3), shade, np.uint8) for shade in range(0, 250, 10)]


def job(path: Path) -> VideoJob:
    return VideoJob(1, np.eye(2, dtype=np.float32)[[0, 1, 0, 0, 1, 0]], 6.0, path, 2, 2)


def test_a_film_has_all_frames(tmp_path):
    write_mp4(tmp_path / "deep" / "a.mp4", FRAMES, 10, ("shades",))
    assert imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "deep" / "a.mp4"))[0] == len(FRAMES)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.mp4"]


def test_one_that_can_not_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"Could not write .*a\.mp4"):
        write_mp4(tmp_path / "file" / "a.mp4", FRAMES, 10, ())


def test_one_that_breaks_off_leaves_the_one_before(tmp_path):
    def broken():
        yield from FRAMES[:3]
        raise RuntimeError("simulator lost")

    write_mp4(tmp_path / "a.mp4", FRAMES, 10, ())
    before = (tmp_path / "a.mp4").read_bytes()
    with pytest.raises(RuntimeError):
        write_mp4(tmp_path / "a.mp4", broken(), 10, ())
    assert (tmp_path / "a.mp4").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_film_and_its_strip(small, tmp_path):
    filmed = make_filmer(small.player)(job(tmp_path / "best.mp4"))
    assert isinstance(filmed, Filmed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.mp4", "best.png"]


def test_an_environment_that_fails_while_it_is_drawn(small, tmp_path):
    def render(self):
        if self.t == 3:
            raise RuntimeError("simulator lost")
        return self.picture()

    env = replace(small.player.env, id=odd.variant("FailsToDraw", render=render), obs="native",
                  crop_rows=None, crop_cols=None)  # fmt: skip
    why = make_filmer(replace(small.player, env=env))(job(tmp_path / "best.mp4"))
    assert why == "RuntimeError while it was drawn: simulator lost"
    assert not list(tmp_path.iterdir())
