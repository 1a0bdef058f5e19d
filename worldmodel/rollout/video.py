"""Replay an episode and film it: the game, what V sees of it, and what M expects."""

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import gymnasium
import imageio_ffmpeg
import numpy as np
import torch

from worldmodel.agent.load import load_mdnrnn, load_vae
from worldmodel.envs.make import make_filmed
from worldmodel.models.imagine import imagine
from worldmodel.models.mdnrnn import MDNRNN
from worldmodel.models.pictures import COLUMNS, decode, filmstrip
from worldmodel.models.vae import VAE
from worldmodel.rollout.real import PlayerConfig
from worldmodel.run.picture_file import write_png
from worldmodel.types import FloatArray, Frames, UserError

PANEL = 256
BATCH = 250  # frames that V encodes at once: of a whole episode it would take half a gigabyte
STILLS = 3  # moments of a film in one picture
CAPTIONS = ("environment", "seen by V", "V: reconstruction", "M: dream")


@dataclass(frozen=True)
class VideoJob:
    """One episode to film; M dreams `horizon` agent steps, then looks at a real frame again."""

    seed: int
    action: FloatArray
    score: float
    path: Path
    context: int
    horizon: int


@dataclass(frozen=True)
class Film:
    """What a replay showed, one row per agent step."""

    rendered: list[Frames]
    obs: Frames
    score: float


@dataclass(frozen=True)
class Filmed:
    """What a job came to: the score of its replay, and pictures (H, W, 3) of it to look at.

    `stills` shows some moments of the film under one another; `strip` is a thinner filmstrip.
    """

    score: float
    stills: Frames
    strip: Frames


def make_filmer(config: PlayerConfig) -> Callable[[VideoJob], Filmed | str]:
    """Load V and M once; a job then writes one mp4 and its filmstrip, or says why it can't."""
    film = _make_filmer(config)

    def run(job: VideoJob) -> Filmed | str:
        try:
            return film(job)
        except UserError as error:
            return str(error)
        except Exception as error:  # an environment may fail at anything while it draws
            return f"{type(error).__name__} while it was drawn: {error}"

    return run


def _make_filmer(config: PlayerConfig) -> Callable[[VideoJob], Filmed]:
    """As `make_filmer`, but with the errors of whatever fails."""
    vae, mdnrnn = load_vae(config.vae), load_mdnrnn(config.mdnrnn)

    @torch.inference_mode()
    def run(job: VideoJob) -> Filmed:
        film = replay(config, job.seed, job.action)
        mu = torch.cat([vae.encode(part)[0] for part in torch.from_numpy(film.obs).split(BATCH)])
        action = torch.from_numpy(job.action)
        dreamt = dream_along(mdnrnn, mu, action, job.horizon)
        columns = [film.obs, decode(vae, mu), decode(vae, dreamt)]
        rows = list(zip(film.rendered, *columns, strict=True))
        write_mp4(job.path, map(_side_by_side, rows), config.spec.steps_per_second, CAPTIONS)
        moments = [rows[len(rows) * (2 * i + 1) // (2 * STILLS)] for i in range(STILLS)]
        stills = [write_captions(_side_by_side(row), CAPTIONS) for row in moments]
        strip = _write_filmstrip(job, vae, mdnrnn, film, mu, action)
        return Filmed(film.score, np.concatenate(stills), strip)

    return run


@torch.inference_mode()
def dream_along(
    mdnrnn: MDNRNN, mu: torch.Tensor, action: torch.Tensor, horizon: int
) -> torch.Tensor:
    """M's open-loop dream (T, Z) beside reality, put back on the real z every `horizon` steps."""
    real = dream = mdnrnn.initial_state(1)
    z = mu[:1]
    seen = [z]
    for t in range(len(mu) - 1):
        if t % horizon == 0:
            dream, z = real, mu[t : t + 1]
        real = mdnrnn.advance(mu[t : t + 1], action[t : t + 1], real)
        dream = mdnrnn.advance(z, action[t : t + 1], dream)
        z = mdnrnn.predict(dream[0]).z.sample(temperature=0.0)
        seen.append(z)
    return torch.cat(seen)


def replay(config: PlayerConfig, seed: int, action: FloatArray) -> Film:
    """Play recorded actions again in a fresh environment, rendering every agent step."""
    env = make_filmed(config.env)
    obs, _ = env.reset(seed=seed)
    rendered, seen, score = [_render(env)], [obs], 0.0
    for one in config.spec.to_env(action):
        obs, reward, *_ = env.step(one)
        rendered.append(_render(env))
        seen.append(obs)
        score += float(reward)
    env.close()
    return Film(rendered, np.stack(seen), score)


def write_mp4(path: Path, frames: Iterable[Frames], fps: float, captions: Sequence[str]) -> None:
    """Write frames (H, W, 3) uint8 of even sides as H.264, with a caption over each panel.

    Raises:
        UserError: if the film can't be written; one that was there before stays.
    """
    scratch = path.with_name(f".{path.name}.tmp.mp4")
    writer, count = None, 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for frame in frames:
            frame = write_captions(frame, captions)
            if writer is None:
                size = (frame.shape[1], frame.shape[0])
                writer = imageio_ffmpeg.write_frames(
                    str(scratch), size, fps=fps, codec="libx264", quality=7, macro_block_size=2
                )
                writer.send(None)
            writer.send(frame)
            count += 1
        if writer is not None:
            writer.close()
            _check_film(scratch, count, path)
            os.replace(scratch, path)
    except OSError as error:  # what ffmpeg said, whole
        raise UserError(f"Could not write {path} ({_last_line(error)}).") from error
    finally:
        if writer is not None:
            writer.close()  # ends ffmpeg, if that is still to be done
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)


def _check_film(film: Path, count: int, path: Path) -> None:
    """Refuse a film that lacks frames: ffmpeg does not say that the disk was full."""
    try:
        found = imageio_ffmpeg.count_frames_and_secs(str(film))[0] if film.exists() else 0
    except RuntimeError:
        found = 0
    if found < count:
        raise UserError(f"Could not write {path} ({found} of {count} frames): is the disk full?")


def _last_line(error: Exception) -> str:
    return ([line.strip() for line in str(error).splitlines() if line.strip()] or ["no reason"])[-1]


def write_captions(frame: Frames, captions: Sequence[str]) -> Frames:
    """A frame with a caption over each of its panels."""
    frame = np.ascontiguousarray(frame)
    for index, caption in enumerate(captions):
        _write_text(frame, caption, index * PANEL + 6)
    return frame


def _side_by_side(images: Sequence[Frames]) -> Frames:
    return np.concatenate([panel(image) for image in images], 1)


def _write_filmstrip(
    job: VideoJob,
    vae: VAE,
    mdnrnn: MDNRNN,
    film: Film,
    mu: torch.Tensor,
    action: torch.Tensor,
) -> Frames:
    """A picture of the middle: real frames above reconstructions above an open-loop dream.

    M has seen all that came before the dream; of an episode too short for that, the first half.
    Returns one of fewer columns.
    """
    context = min(job.context, len(mu) // 2)
    length = min(len(mu), context + job.horizon)
    stop = (len(mu) + length) // 2
    begin = stop - length + context
    dreamt = imagine(mdnrnn, mu[None, :stop], action[None], begin)[0]
    shown = slice(begin - 1, stop)
    rows = film.obs[shown], mu[shown], dreamt[begin - 1 :]
    strip = filmstrip(vae, *rows)
    write_png(job.path.with_suffix(".png"), strip)
    return filmstrip(vae, *rows, columns=COLUMNS)


def _render(env: gymnasium.Env[Any, Any]) -> Frames:
    frame: Any = env.render()
    return panel(frame if frame.shape[-1] == 3 else np.repeat(frame, 3, axis=-1))


def panel(image: Frames, size: int = PANEL) -> Frames:
    """An image (H, W, 3) as a square of `size` pixels."""
    how = cv2.INTER_AREA if image.shape[0] > size else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(image, (size, size), interpolation=how), np.uint8)


def _write_text(frame: Frames, text: str, x: int) -> None:
    # The outline is the text itself, moved: in OpenCV 5 thicker letters are set more closely.
    black, white = (0, 0, 0), (255, 255, 255)
    outline = [(x + i, 16 + j, black) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    for left, base, colour in [*outline, (x, 16, white)]:
        cv2.putText(frame, text, (left, base), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1)
