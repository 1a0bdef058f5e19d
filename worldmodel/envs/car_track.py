"""CarRacing's tracks, laid out by compiled code as gymnasium lays them out.

The steps, their order and their numbers are those of gymnasium's `CarRacing._create_track`, so a
seed gives the same track.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.envs.box2d import car_racing as original
from numpy.typing import NDArray

from worldmodel.envs.compiled import compiled

CHECKPOINTS = 12
LONGEST = 2500  # steps of a road that finds no way back to its start
LAPS = 4  # after more of them it is long enough
START = 2 * math.pi * -0.5 / CHECKPOINTS  # angle at which a lap begins
BEND = 0.2 * original.TRACK_TURN_RATE  # between tiles that have a border
WHITE, RED = (255, 255, 255), (255, 0, 0)

_Path = NDArray[np.float64]


@dataclass(frozen=True)
class Track:
    """One lap.

    Attributes:
        path: (tiles, 4) of alpha, beta, x and y as in `CarRacing.track`: the angle around the
            field's centre, the heading, and the place in metres.
        corners: (N, 4, 2) of tiles and borders, in metres, in drawing order.
        tiles: (tiles,) which of them are tiles; the others are borders.
        white: (N,) which borders are white, not red.
    """

    path: _Path
    corners: NDArray[np.float64]
    tiles: NDArray[np.int64]
    white: NDArray[np.bool_]


def lay_track(rng: np.random.Generator) -> Track | None:
    """One attempt; None where the road does not close."""
    points = np.array([_draw_checkpoint(rng, index) for index in range(CHECKPOINTS)])
    path, count = _follow(points)
    first, last = _find_lap(path[:count])
    if first < 0:
        return None
    lap = path[first : last - 1]
    across = np.array([math.cos(lap[0, 1]), math.sin(lap[0, 1])])
    gap = np.sqrt(np.square(across * (lap[0, 2:] - lap[-1, 2:])).sum())
    if gap > original.TRACK_DETAIL_STEP:
        return None
    return Track(lap, *_surface(lap, _find_borders(lap)))


def _draw_checkpoint(rng: np.random.Generator, index: int) -> tuple[float, float, float]:
    noise = rng.uniform(0, 2 * math.pi * 1 / CHECKPOINTS)
    alpha = 2 * math.pi * index / CHECKPOINTS + noise
    radius = rng.uniform(original.TRACK_RAD / 3, original.TRACK_RAD)
    if index in (0, CHECKPOINTS - 1):
        alpha, radius = 2 * math.pi * index / CHECKPOINTS, 1.5 * original.TRACK_RAD
    return alpha, radius * math.cos(alpha), radius * math.sin(alpha)


@compiled
def _follow(points: Any) -> tuple[Any, int]:
    """Drive from checkpoint to checkpoint, round and round; (LONGEST, 4), and how much of it."""
    path = np.zeros((LONGEST, 4))
    x, y, beta = 1.5 * original.TRACK_RAD, 0.0, 0.0
    target, laps, other_side = 0, 0, False
    for step in range(LONGEST):
        alpha = math.atan2(y, x)
        if other_side and alpha > 0:
            laps += 1
            other_side = False
        if alpha < 0:
            other_side = True
            alpha += 2 * math.pi
        target, alpha = _next_checkpoint(points, target, alpha)
        ahead_x, ahead_y = math.cos(beta), math.sin(beta)
        off = ahead_x * (points[target % CHECKPOINTS, 1] - x)
        off += ahead_y * (points[target % CHECKPOINTS, 2] - y)
        while beta - alpha > 1.5 * math.pi:
            beta -= 2 * math.pi
        while beta - alpha < -1.5 * math.pi:
            beta += 2 * math.pi
        before = beta
        off *= original.SCALE
        if off > 0.3:
            beta -= min(original.TRACK_TURN_RATE, abs(0.001 * off))
        if off < -0.3:
            beta += min(original.TRACK_TURN_RATE, abs(0.001 * off))
        x += -ahead_y * original.TRACK_DETAIL_STEP
        y += ahead_x * original.TRACK_DETAIL_STEP
        path[step] = alpha, before * 0.5 + beta * 0.5, x, y
        if laps > LAPS:
            return path, step + 1
    return path, LONGEST


@compiled
def _next_checkpoint(points: Any, target: int, alpha: float) -> tuple[int, float]:
    """The first checkpoint from `target` on that is not behind `alpha`, which turns back for it."""
    while True:
        while True:
            if alpha <= points[target % CHECKPOINTS, 0]:
                return target, alpha
            target += 1
            if target % CHECKPOINTS == 0:
                break
        alpha -= 2 * math.pi


@compiled
def _find_lap(path: Any) -> tuple[int, int]:
    """Where the last whole lap begins and ends; -1 where there is none."""
    last = -1
    for i in range(len(path) - 1, 0, -1):
        if path[i, 0] > START and path[i - 1, 0] <= START:
            if last >= 0:
                return i, last
            last = i
    return -1, -1


@compiled
def _find_borders(lap: Any) -> Any:
    """(tiles,) which tiles have a border: those of hard turns."""
    count, least = len(lap), original.BORDER_MIN_COUNT
    border = np.zeros(count, np.bool_)
    for i in range(count):
        hard, side = True, 0.0
        for back in range(least):
            turn = lap[i - back, 1] - lap[i - back - 1, 1]
            hard &= abs(turn) > BEND
            side += np.sign(turn)
        border[i] = hard and abs(side) == least
    for i in range(count):
        for back in range(least):
            border[i - back] |= border[i]
    return border


@compiled
def _surface(lap: Any, border: Any) -> tuple[Any, Any, Any]:
    count = len(lap)
    corners = np.zeros((count + border.sum(), 4, 2))
    tiles = np.zeros(count, np.int64)
    white = np.zeros(len(corners), np.bool_)
    row = 0
    for i in range(count):
        here, before = lap[i], lap[i - 1]
        width = original.TRACK_WIDTH
        _lie(corners[row], here, before, -width, width)
        tiles[i] = row
        row += 1
        if border[i]:
            side = np.sign(before[1] - here[1])
            _lie(corners[row], here, before, side * width, side * (width + original.BORDER))
            white[row] = i % 2 == 0
            row += 1
    return corners, tiles, white


@compiled
def _lie(corners: Any, here: Any, before: Any, inner: float, outer: float) -> None:
    """Four corners between two points of the road, from `inner` to `outer` metres beside it."""
    for corner, (point, off) in enumerate(
        ((here, inner), (here, outer), (before, outer), (before, inner))
    ):
        corners[corner, 0] = point[2] + off * math.cos(point[1])
        corners[corner, 1] = point[3] + off * math.sin(point[1])
