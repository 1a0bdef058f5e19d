"""CarRacing's frames, drawn by compiled code straight at the size that is used.

gymnasium draws polygons into a window of 1000×800 pixels, which pygame then shrinks to 96×96. Here
the same polygons, with their corners on the same pixels of that window, are painted at a few
samples per pixel of the frame. Samples hold numbers of colours, which are averaged at the end.
"""

import math
import threading
from collections.abc import Sequence

import numpy as np
from gymnasium.envs.box2d import car_dynamics as car
from gymnasium.envs.box2d import car_racing as original
from numpy.typing import NDArray

from worldmodel.envs.car_samples import COLUMNS, ROWS, Bytes, Points, average, fill
from worldmodel.envs.compiled import compiled
from worldmodel.types import Frames

Land = tuple[tuple[Points, Points], tuple[Points, Points], Bytes]  # grass, road, its colours
Camera = tuple[float, float, float, float, float]  # x, y, cos and sin of the angle, zoom

_WINDOW_W, _WINDOW_H = original.WINDOW_W, original.WINDOW_H
_BAR = ROWS * 7 // 8  # first row of samples behind the indicators

_NEAR, _FAR = original.ZOOM * original.SCALE, 0.1 * original.SCALE  # window pixels per metre
_FIELD_END = original.PLAYFIELD

# How far polygons reach beyond the centres of their corners' pixels, in pixels of the window: half
# a pixel, where both ends of a row are filled. gfxdraw draws a faint line around the land, and
# pygame.draw cuts off the fractions of a row's ends: these two come closest to gymnasium's frames.
_LAND_GROWS, _CAR_GROWS, _BOX_GROWS = 0.55, 0.3, 0.5

# The numbers of the colours. Those of the road follow as they come. As plain integers, numba
# would compile what they are given to once for each.
_BLACK, _TREAD, _BODY, _WHITE, _BLUE, _VIOLET, _GREEN, _RED, _FIELD, _GRASS = np.arange(
    10, dtype=np.uint8
)
_ROAD = 10
_FIXED = [car.WHEEL_COLOR, car.WHEEL_WHITE, (int(255 * 0.8), 0, 0), (255, 255, 255)]
_FIXED += [(0, 0, 255), (51, 0, 255), (0, 255, 0), (255, 0, 0)]
_COLORS = 256

_WHEEL = car.SIZE * np.array(
    [
        [-car.WHEEL_W, car.WHEEL_R],
        [car.WHEEL_W, car.WHEEL_R],
        [car.WHEEL_W, -car.WHEEL_R],
        [-car.WHEEL_W, -car.WHEEL_R],
    ]
)
_PATCH = 1.2  # radians of a wheel that its bright patch takes
_EDGE = original.PLAYFIELD * np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]], np.float64)
_CORNERS = 8  # at most
_HULL = np.stack(  # corners repeated, so that all parts have as many
    [
        car.SIZE * np.repeat(np.array(part, np.float64), _CORNERS // len(part), axis=0)
        for part in (car.HULL_POLY1, car.HULL_POLY2, car.HULL_POLY3, car.HULL_POLY4)
    ]
)


class _Room(threading.local):
    """A canvas for each thread, and for all its scenes: fresh memory, or memory that has left the
    cache, takes as long to fill as all the rest of a frame."""

    def __init__(self) -> None:
        self.canvas = np.zeros((ROWS, COLUMNS), np.uint8)


_ROOM = _Room()


class Scene:
    """What stands still on one track, ready to be drawn from anywhere.

    Args:
        polygons: convex road tiles and borders (N, 4, 2) in drawing order, in metres.
        colors: theirs, (N, 3). Kept by reference: what changes in it is drawn. At most 246
            different ones can be in sight at once; the game has about six.
        grass: colour of the patches of grass.
        field: colour of the ground between them.
    """

    def __init__(
        self,
        polygons: Points,
        colors: Bytes,
        grass: Sequence[float] | NDArray[np.generic],
        field: Sequence[float] | NDArray[np.generic],
    ) -> None:
        self._grass = _circled(_grass_patches())
        self._road = _circled(np.ascontiguousarray(polygons, np.float64))
        self._colors = colors
        self._palette = np.zeros((_COLORS, 3), np.uint8)
        self._palette[: len(_FIXED)] = _FIXED
        self._palette[_FIELD] = np.asarray(field).astype(np.uint8)
        self._palette[_GRASS] = np.asarray(grass).astype(np.uint8)

    def draw(self, pose: NDArray[np.float64], seconds: float) -> Frames:
        """Draw a frame.

        Args:
            pose: (5, 6). First the hull: x, y, angle, both velocities, angular velocity. Then the
                wheels: x, y, angle, phase, omega, angle of the joint.
            seconds: since the start. In the first of them, the camera comes near.

        Returns:
            (96, 96, 3) uint8, a new array.

        Raises:
            ValueError: for a pose of another shape.
        """
        if pose.shape != (5, 6):
            raise ValueError(f"pose is {pose.shape}: it must be (5, 6)")
        frame = np.empty((original.STATE_H, original.STATE_W, 3), np.uint8)
        land = (self._grass, self._road, self._colors)
        _draw(_ROOM.canvas, self._palette, land, pose, float(seconds), frame)
        return frame


def _grass_patches() -> Points:
    start = original.GRASS_DIM * np.arange(-20, 20, 2)
    origin = np.stack(np.meshgrid(start, start, indexing="ij"), -1).reshape(-1, 1, 2)
    return origin + original.GRASS_DIM * np.array([[1, 0], [0, 0], [0, 1], [1, 1]])


def _circled(polygons: Points) -> tuple[Points, NDArray[np.float64]]:
    """Polygons (N, 4, 2) and the circles around them (N, 3): x, y, radius."""
    centers = polygons.mean(1)
    radii = np.linalg.norm(polygons - centers[:, None], axis=2).max(1)
    return polygons, np.column_stack([centers, radii])


@compiled
def _draw(
    canvas: Bytes,
    palette: Bytes,
    land: Land,
    pose: NDArray[np.float64],
    seconds: float,
    frame: Frames,
) -> None:
    near = min(seconds, 1.0)
    zoom = _FAR * (1 - near) + _NEAR * near
    x, y, angle = pose[0, 0], pose[0, 1], pose[0, 2]
    camera = (x, y, math.cos(angle), math.sin(angle), zoom)
    colors = _paint_land(canvas[:_BAR], palette, land, camera)
    for i in range(1, 5):
        _paint_wheel(canvas[:_BAR], pose[i], camera)
    for i in range(len(_HULL)):
        fill(canvas[:_BAR], _place(_HULL[i], x, y, angle, camera), _BODY, _CAR_GROWS)
    _paint_bar(canvas, pose)
    average(canvas, palette[:colors], frame)


@compiled
def _paint_land(canvas: Bytes, palette: Bytes, land: Land, camera: Camera) -> int:
    """Paint field, grass and road; add the road's colours to the palette and count all in it."""
    (grass, grass_circles), (road, road_circles), road_colors = land
    ahead = _WINDOW_H / 4 / camera[4]  # the car is below the middle of the window
    x, y = camera[0] - ahead * camera[3], camera[1] + ahead * camera[2]
    radius = math.hypot(_WINDOW_W, _WINDOW_H) / 2 / camera[4]
    if max(abs(x), abs(y)) + radius < original.PLAYFIELD:
        canvas[:] = _FIELD
    else:
        canvas[:] = _BLACK
        fill(canvas, _place(_EDGE, 0.0, 0.0, 0.0, camera), _FIELD, _LAND_GROWS)
    for i in range(len(grass)):
        if _meet(grass_circles[i], x, y, radius):
            fill(canvas, _place(grass[i], 0.0, 0.0, 0.0, camera), _GRASS, _LAND_GROWS)
    colors = _ROAD
    for i in range(len(road)):
        if _meet(road_circles[i], x, y, radius):
            number = min(_number(palette[:colors], road_colors[i]), _COLORS - 1)
            if number == colors:
                palette[number] = road_colors[i]
                colors += 1
            corners = _place(road[i], 0.0, 0.0, 0.0, camera)
            fill(canvas, corners, np.uint8(number), _LAND_GROWS)
    return colors


@compiled
def _meet(circle: NDArray[np.float64], x: float, y: float, radius: float) -> bool:
    far_x, far_y, reach = circle[0] - x, circle[1] - y, circle[2] + radius
    return far_x * far_x + far_y * far_y <= reach * reach


@compiled
def _number(palette: Bytes, color: Bytes) -> int:
    """Where in the palette a colour is, or else the palette's length."""
    for i in range(len(palette)):
        same = palette[i, 0] == color[0] and palette[i, 1] == color[1]
        if same and palette[i, 2] == color[2]:
            return i
    return len(palette)


@compiled
def _paint_wheel(canvas: Bytes, pose: NDArray[np.float64], camera: Camera) -> None:
    """Paint a wheel, and its bright patch where that is on top."""
    x, y, angle, phase = pose[0], pose[1], pose[2], pose[3]
    fill(canvas, _place(_WHEEL, x, y, angle, camera), _BLACK, _CAR_GROWS)
    front_below, back_below = math.sin(phase) > 0, math.sin(phase + _PATCH) > 0
    if front_below and back_below:
        return
    front, back = math.cos(phase), math.cos(phase + _PATCH)
    patch = _WHEEL.copy()
    patch[:2, 1] *= math.copysign(1, front) if front_below else front
    patch[2:, 1] *= -math.copysign(1, back) if back_below else -back
    fill(canvas, _place(patch, x, y, angle, camera), _TREAD, _CAR_GROWS)


@compiled
def _paint_bar(canvas: Bytes, pose: NDArray[np.float64]) -> None:
    """Paint the indicators: speed, four wheels, steering and turning."""
    canvas[_BAR:] = _BLACK
    speed = math.hypot(pose[0, 3], pose[0, 4])
    _paint_box(canvas, 5.0, 39 - 0.02 * speed, 6.0, 39.0, _WHITE)
    for i in range(1, 5):
        color = _BLUE if i < 3 else _VIOLET
        _paint_box(canvas, 6.0 + i, 39 - 0.01 * pose[i, 4], 7.0 + i, 39.0, color)
    _paint_box(canvas, 20.0, 36.0, 20 - 10.0 * pose[1, 5], 38.0, _GREEN)
    _paint_box(canvas, 30.0, 36.0, 30 - 0.8 * pose[0, 5], 38.0, _RED)


@compiled
def _paint_box(
    canvas: Bytes, left: float, top: float, right: float, bottom: float, color: np.uint8
) -> None:
    """Paint a rectangle given in fortieths of the window, unless it is as good as empty."""
    if min(abs(right - left), abs(bottom - top)) < 1e-4:
        return
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    for i in range(4):
        corners[i, 0] = int(corners[i, 0] * _WINDOW_W / 40)
        corners[i, 1] = int(corners[i, 1] * _WINDOW_H / 40)
    fill(canvas, corners, color, _BOX_GROWS)


@compiled
def _place(shape: Points, x: float, y: float, angle: float, camera: Camera) -> Points:
    """On which pixels of the window the corners are of a shape that lies somewhere on the track."""
    eye_x, eye_y, eye_cos, eye_sin, zoom = camera
    cos, sin = math.cos(angle), math.sin(angle)
    pixels = np.empty((len(shape), 2))
    for i in range(len(shape)):
        east = x + cos * shape[i, 0] - sin * shape[i, 1] - eye_x
        north = y + sin * shape[i, 0] + cos * shape[i, 1] - eye_y
        # Fractions are cut off where up is positive, then all is turned upside down.
        right = int(_WINDOW_W / 2 + zoom * (eye_cos * east + eye_sin * north))
        up = int(_WINDOW_H / 4 + zoom * (eye_cos * north - eye_sin * east))
        pixels[i, 0], pixels[i, 1] = right, _WINDOW_H - 1 - up
    return pixels
