"""What a crop keeps of an environment's pictures, to look at."""

from dataclasses import replace

import cv2
import numpy as np

from worldmodel.envs.make import Env, EnvConfig, make_whole
from worldmodel.envs.wrappers import crop_resize
from worldmodel.seed import derive
from worldmodel.types import EnvSpec, Frames

EPISODES = 3
HEIGHT = 256  # pixels of a row: a whole picture, and what is made of it
RED = (255, 0, 0)


def crop_picture(config: EnvConfig, spec: EnvSpec, steps: int = 20) -> Frames:
    """A row for each of three episodes: the first picture with the crop and the small frame,
    and both again after `steps` agent steps; (3 · 256, W, 3).
    """
    env = make_whole(replace(config, crop=None))
    try:
        rows = [_row(env, config, spec, derive(0, "infer", index), steps)
                for index in range(EPISODES)]  # fmt: skip
    finally:
        env.close()
    return np.concatenate(rows)


def _row(env: Env, config: EnvConfig, spec: EnvSpec, seed: int, steps: int) -> Frames:
    first, _ = env.reset(seed=seed)
    first = np.copy(first)
    later = first
    for action in spec.to_env(config.needs_explorer()(spec, seed, steps)):
        later, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            break
    return np.concatenate([part for each in (first, later) for part in _pair(each, config)], 1)


def _pair(picture: Frames, config: EnvConfig) -> tuple[Frames, Frames]:
    """A picture with the rectangle that is kept, and the small frame, enlarged."""
    picture = picture if picture.ndim == 3 else picture[..., None]
    height, width = picture.shape[:2]
    small = crop_resize(picture, config.crop_rows, config.crop_cols, config.size)
    scale = HEIGHT / height
    size = max(round(width * scale), 1), HEIGHT
    whole = cv2.resize(np.broadcast_to(picture, (height, width, 3)).copy(), size)
    (top, bottom), (left, right) = config.crop_rows or (0, height), config.crop_cols or (0, width)
    corners = [round(at * scale) for at in (left, top, right, bottom)]
    cv2.rectangle(whole, (corners[0], corners[1]), (corners[2] - 1, corners[3] - 1), RED, 2)
    shown = cv2.resize(small, (HEIGHT, HEIGHT), interpolation=cv2.INTER_NEAREST)
    return whole.astype(np.uint8), shown.astype(np.uint8)
