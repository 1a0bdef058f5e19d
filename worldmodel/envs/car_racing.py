"""gymnasium's CarRacing, which draws only the frames that are used, at the size that is used.

Of a step of the original, 98 % is spent on a picture of 1000×800 pixels that is then shrunk to
96×96. With frame skip, all but the last of these pictures are thrown away.
"""

import math
from typing import Any

import cv2
import gymnasium as gym
import numpy as np
from gymnasium.envs.box2d import car_dynamics as car
from gymnasium.envs.box2d import car_racing as original
from numpy.typing import NDArray

from worldmodel.types import Frames

DRAWINGS = ("fast", "original")

_FINE = 4  # drawn so many times larger, then averaged: cv2 fills half a pixel too far
_BITS = 4  # cv2 takes corners as fixed-point numbers with so many binary places
_LOST = (2.0, 2.0, 2.0, 0.0)  # pygame rounds down where it shrinks: all but black gets darker
_SCALE = np.array([original.STATE_W / original.WINDOW_W, original.STATE_H / original.WINDOW_H])

Polygons = NDArray[np.float64]  # (N, corners, 2), in metres of the track


class CarRacing(original.CarRacing):
    """The rules, physics and tracks of gymnasium's CarRacing-v3, with cheaper frames.

    Where `drawing` is off, `step` returns the frame of an earlier step; `look` draws the present.

    Args:
        draw: "original" draws as gymnasium does, to the last bit. "fast" draws the same polygons
            with OpenCV straight at `_FINE` times the size of the frame; edges differ a little,
            and the number in the lower left corner, the return so far, is left out.
        kwargs: those of the original.

    Raises:
        ValueError: for another `draw`.
    """

    def __init__(self, draw: str = "fast", **kwargs: Any) -> None:
        if draw not in DRAWINGS:
            raise ValueError(f"draw is {draw!r}: use {' or '.join(DRAWINGS)}")
        super().__init__(**kwargs)
        self.drawing = True
        self._draw = draw
        self._return_shown = 0.0
        self._frame: Frames = np.zeros(self.observation_space.shape or (), np.uint8)

    def _create_track(self) -> bool:
        done: bool = super()._create_track()
        if done and self._draw == "fast":
            self._scene = _Scene(self)
        return done

    def look(self) -> Frames:
        """Draw the present frame (96, 96, 3)."""
        if self._draw == "fast":
            self._frame = self._scene.draw(self)
        else:
            # The original draws before it counts the step's reward, and the frame shows the return.
            now, self.reward = self.reward, self._return_shown
            self._frame = super()._render("state_pixels")
            self.reward = now
        return self._frame

    def _render(self, mode: str) -> Any:
        if mode != "state_pixels":
            return super()._render(mode)
        self._return_shown = self.reward
        return self.look() if self.drawing else self._frame


class _Scene:
    """What stands still on one track, ready to be drawn from anywhere."""

    def __init__(self, env: CarRacing) -> None:
        road = [corners for corners, _ in env.road_poly]
        self._polygons = np.concatenate([_grass(), np.array(road, np.float64)])
        self._centers = self._polygons.mean(1)
        self._reach = np.linalg.norm(self._polygons - self._centers[:, None], axis=2).max(1)
        # The road's are kept by reference: a tile changes its colour when the car has been there.
        green = tuple(np.asarray(env.grass_color).tolist())
        self._colors = [green] * (len(self._polygons) - len(road))
        self._colors += [color for _, color in env.road_poly]
        self._field = np.asarray(env.bg_color).astype(np.uint8).tolist()

    def draw(self, env: CarRacing) -> Frames:
        """The frame (96, 96, 3)."""
        size = original.STATE_H * _FINE, original.STATE_W * _FINE
        canvas = np.zeros((*size, 3), np.uint8)
        driven = env.car
        assert driven is not None, "reset before looking"
        view = _View(driven.hull, env.t)
        near = view.near(self._centers, self._reach)
        wheels, shades = _wheels(driven)
        flat = np.concatenate([_EDGE, self._polygons[near], wheels])
        colors = np.array([self._colors[i] for i in near]).astype(np.uint8).tolist()
        _fill(canvas, view.see(flat), [self._field, *colors, *shades])
        red = [int(255 * part) for part in driven.hull.color]
        hull = _placed(_HULL, driven.hull.position, driven.hull.angle)
        _fill(canvas, view.see(hull), [red] * len(hull))
        _fill_indicators(canvas, driven)
        shape = original.STATE_W, original.STATE_H
        frame = cv2.resize(canvas, shape, interpolation=cv2.INTER_AREA)
        return cv2.subtract(frame, _LOST).astype(np.uint8, copy=False)


class _View:
    """From metres on the track to pixels of the canvas: the car in the lower middle, heading up."""

    def __init__(self, hull: Any, seconds: float) -> None:
        zoomed_in = min(seconds, 1.0)
        far = 0.1 * original.SCALE * (1 - zoomed_in)
        zoom = far + original.ZOOM * original.SCALE * zoomed_in  # window pixels per metre
        cos, sin = math.cos(hull.angle), math.sin(hull.angle)
        turn = zoom * np.array([[cos, sin], [-sin, cos]])
        position = np.array(hull.position, np.float64)
        self._matrix = (turn * np.array([[1.0], [-1.0]]) * _SCALE[:, None] * _FINE).T
        place = np.array([original.WINDOW_W / 2, original.WINDOW_H * 3 / 4])
        self._shift = place * _SCALE * _FINE - position @ self._matrix
        ahead = original.WINDOW_H / 4 / zoom  # the car is below the middle of the window
        self._middle = position + ahead * np.array([-sin, cos])
        self._radius = math.hypot(original.WINDOW_W, original.WINDOW_H) / 2 / zoom

    def see(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (..., 2) on the canvas."""
        return points @ self._matrix + self._shift

    def near(self, centers: NDArray[np.float64], reach: NDArray[np.float64]) -> NDArray[np.int64]:
        """Which circles around `centers` (N, 2) may be seen."""
        far = np.linalg.norm(centers - self._middle, axis=1)
        return np.flatnonzero(far <= self._radius + reach)


def _fill(canvas: Frames, polygons: NDArray[np.float64], colors: Any) -> None:
    """Fill polygons given in canvas pixels, whose first pixel covers 0 to 1."""
    fixed = np.rint((polygons - 0.5) * (1 << _BITS)).astype(np.int32)
    for corners, color in zip(fixed, colors, strict=True):
        cv2.fillConvexPoly(canvas, corners, color, cv2.LINE_8, _BITS)


def _grass() -> Polygons:
    start = original.GRASS_DIM * np.arange(-20, 20, 2)
    origin = np.stack(np.meshgrid(start, start, indexing="ij"), -1).reshape(-1, 1, 2)
    return origin + original.GRASS_DIM * np.array([[1, 0], [0, 0], [0, 1], [1, 1]])


_EDGE = original.PLAYFIELD * np.array([[[1, 1], [1, -1], [-1, -1], [-1, 1]]], np.float64)
_WHEEL = car.SIZE * np.array(
    [
        [-car.WHEEL_W, car.WHEEL_R],
        [car.WHEEL_W, car.WHEEL_R],
        [car.WHEEL_W, -car.WHEEL_R],
        [-car.WHEEL_W, -car.WHEEL_R],
    ]
)
_HULL = np.stack(  # corners repeated, so that all parts have as many
    [
        car.SIZE * np.repeat(np.array(part, np.float64), 8 // len(part), axis=0)
        for part in (car.HULL_POLY1, car.HULL_POLY2, car.HULL_POLY3, car.HULL_POLY4)
    ]
)


def _wheels(driven: Any) -> tuple[Polygons, list[tuple[int, ...]]]:
    """Four wheels, each followed by its tread if that is on top, and their colours."""
    parts: list[Polygons] = []
    colors: list[tuple[int, ...]] = []
    for wheel in driven.wheels:
        tread = _tread(wheel.phase)
        shapes = _WHEEL[None] if tread is None else np.stack([_WHEEL, _WHEEL * tread])
        parts.append(_placed(shapes, wheel.position, wheel.angle))
        colors += [car.WHEEL_COLOR, car.WHEEL_WHITE][: len(shapes)]
    return np.concatenate(parts), colors


def _placed(points: Polygons, position: Any, angle: float) -> Polygons:
    cos, sin = math.cos(angle), math.sin(angle)
    return points @ np.array([[cos, sin], [-sin, cos]]) + (position[0], position[1])


def _tread(phase: float) -> NDArray[np.float64] | None:
    """What part of its corners' height the bright patch of a wheel turned by `phase` reaches."""
    below = math.sin(phase) > 0, math.sin(phase + 1.2) > 0
    if all(below):
        return None
    front, back = math.cos(phase), math.cos(phase + 1.2)
    front = math.copysign(1, front) if below[0] else front
    back = math.copysign(1, back) if below[1] else back
    return np.array([[1, front], [1, front], [1, -back], [1, -back]])


def _fill_indicators(canvas: Frames, driven: Any) -> None:
    """The black bar: speed, four wheels, steering and turning, in fortieths of the window."""
    hull, wheels = driven.hull, driven.wheels
    tall = [0.02 * math.hypot(*hull.linearVelocity), *(0.01 * wheel.omega for wheel in wheels)]
    wide = [-10.0 * wheels[0].joint.angle, -0.8 * hull.angularVelocity]
    boxes = [(0.0, 35.0, 40.0, 40.0)]
    boxes += [(x, 39 - v, x + 1, 39) for x, v in zip((5, 7, 8, 9, 10), tall, strict=True)]
    boxes += [(x, 36, x + v, 38) for x, v in zip((20, 30), wide, strict=True)]
    shown = [True, *(abs(value) > 1e-4 for value in (*tall, *wide))]
    corners = np.array(boxes)[shown][:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    height, width = canvas.shape[:2]
    colors = [color for color, seen in zip(_INDICATORS, shown, strict=True) if seen]
    _fill(canvas, corners * (np.array([width, height]) / 40), colors)


_BLUE, _VIOLET = (0, 0, 255), (51, 0, 255)
_INDICATORS = [
    *[(0, 0, 0), (255, 255, 255), _BLUE, _BLUE, _VIOLET, _VIOLET],
    *[(0, 255, 0), (255, 0, 0)],
]


gym.register("worldmodel/CarRacing-v3", entry_point=CarRacing)
