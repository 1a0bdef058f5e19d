"""gymnasium's CarRacing, compiled, which draws only the frames that are used.

Of a step of the original, 98 % is spent on a picture of 1000×800 pixels that is then shrunk to
96×96. With frame skip, all but the last of these pictures are thrown away.
"""

import math
from typing import Any

import Box2D
import gymnasium as gym
import numpy as np
from gymnasium.envs.box2d import car_racing as original
from gymnasium.error import InvalidAction
from gymnasium.utils import EzPickle
from numpy.typing import NDArray

from worldmodel.envs.box2d_memory import step_address
from worldmodel.envs.car_drawing import Scene
from worldmodel.envs.car_physics import GOES_ON, LAP, SECONDS, Physics
from worldmodel.envs.car_track import RED, WHITE, lay_track
from worldmodel.types import Frames

DRAWINGS = ("fast", "original")

_STANDS = Box2D.b2BodyDef(type=Box2D.b2_staticBody)


class CarRacing(original.CarRacing):
    """The rules, physics and tracks of gymnasium's CarRacing-v3, with cheaper steps and frames.

    Where `drawing` is off, `step` returns the frame of an earlier step; `look` draws the present.

    Args:
        draw: "original" plays and draws by gymnasium's own code. "fast" takes the same steps, to
            the last bit, in compiled code, and draws the same polygons straight at the size of the
            frame; edges differ a little, and the number in the lower left corner, the return so
            far, is left out. For films (`render_mode`), steps are gymnasium's. In compiled steps
            what gymnasium keeps in Python is left as it was: `car.wheels` (gas, brake, omega,
            phase, tiles), what tiles know of themselves, `road_poly`, `prev_reward` and `new_lap`.
        kwargs: those of the original.

    Raises:
        ValueError: for another `draw`.
    """

    def __init__(self, draw: str = "fast", **kwargs: Any) -> None:
        if draw not in DRAWINGS:
            raise ValueError(f"draw is {draw!r}: use {' or '.join(DRAWINGS)}")
        super().__init__(**kwargs)
        EzPickle.__init__(self, draw=draw, **kwargs)  # what a copy is made from
        self.drawing = True
        self._fast = draw == "fast"
        self._compiled = self._fast and self.render_mode is None and step_address() != 0
        self._physics: Physics | None = None
        self._tile = Box2D.b2FixtureDef(shape=Box2D.b2PolygonShape(), isSensor=True)
        self._return_shown = 0.0
        self._frame: Frames = np.zeros(self.observation_space.shape or (), np.uint8)

    def step(self, action: Any) -> tuple[Frames, float, bool, bool, dict[str, Any]]:
        """As gymnasium's."""
        if not self._compiled:
            frame, reward, terminated, truncated, info = super().step(action)
            return frame, float(reward), terminated, truncated, info
        if self._physics is None:
            self._physics = self._start()
        if action is None:
            self.reward, self.tile_visited_count = self._physics.roll()
            self.t += SECONDS
            return self._seen(), 0.0, False, False, {}
        played = self._physics.step(*self._controls(action))
        reward, end, self.reward, self.tile_visited_count = played
        self.t += SECONDS
        info = {} if end == GOES_ON else {"lap_finished": end == LAP}
        return self._seen(), reward, end != GOES_ON, False, info

    def look(self) -> Frames:
        """Draw the present frame (96, 96, 3)."""
        assert self.car is not None, "reset before looking"
        if self._physics is not None:
            self._frame = self._scene.draw(self._physics.pose, self.t)
        elif self._fast:
            self._colors[:] = self._present_colors()
            self._frame = self._scene.draw(self._pose(), self.t)
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
        return self._seen()

    def _seen(self) -> Frames:
        return self.look() if self.drawing else self._frame

    def _destroy(self) -> None:
        self._physics = None
        super()._destroy()

    def _create_track(self) -> bool:
        if self._compiled:
            return self._lay_track()
        done: bool = super()._create_track()
        if done and self._fast:
            corners = np.array([corners for corners, _ in self.road_poly])
            self._colors = self._present_colors()
            self._scene = Scene(corners, self._colors, self.grass_color, self.bg_color)
        return done

    def _lay_track(self) -> bool:
        """`_create_track` in compiled code."""
        track = lay_track(self.np_random)
        if track is None:
            return False
        self.track: Any = track.path
        tiles = track.corners[track.tiles].tolist()
        self.road: Any = [self._lay_tile(corners) for corners in tiles]
        self._tiles = track.tiles
        colors = np.where(track.white[:, None], WHITE, RED).astype(np.uint8)
        shades = 0.01 * (np.arange(len(track.tiles)) % 3) * 255
        colors[track.tiles] = np.asarray(self.road_color) + shades[:, None]
        self._colors = colors
        self._scene = Scene(track.corners, colors, self.grass_color, self.bg_color)
        return True

    def _lay_tile(self, corners: list[list[float]]) -> Any:
        self._tile.shape.vertices = corners
        body = self.world.CreateBody(_STANDS)
        body.CreateFixture(self._tile)
        return body

    def _present_colors(self) -> NDArray[np.uint8]:
        """(N, 3) of the polygons of the road: a tile gets another where the car has been."""
        return np.array([color for _, color in self.road_poly]).astype(np.uint8)

    def _pose(self) -> NDArray[np.float64]:
        """(5, 6), as `Scene.draw` takes it."""
        assert self.car is not None
        hull = self.car.hull
        rows = [[*hull.position, hull.angle, *hull.linearVelocity, hull.angularVelocity]]
        for wheel in self.car.wheels:
            rows.append([*wheel.position, wheel.angle, wheel.phase, wheel.omega, wheel.joint.angle])
        return np.array(rows)

    def _start(self) -> Physics:
        """Compiled physics of the track and car that `reset` has just made."""
        assert self.car is not None, "reset before the first step"
        self.world.contactListener = None  # compiled code reads Box2D's list of contacts instead
        return Physics(self, self._colors, self._tiles)

    def _controls(self, action: Any) -> tuple[float, float, float]:
        """Steer, gas and brake of one action, as gymnasium hands them to the car."""
        if self.continuous:
            steer, gas, brake = (float(part) for part in action.astype(np.float64)[:3])
            if any(math.isnan(part) for part in (steer, gas, brake)):
                raise InvalidAction(f"the action {action} is not a number")
            return -steer, gas, brake
        if not self.action_space.contains(action):
            raise InvalidAction(f"the action {action} is not in {self.action_space}")
        return -0.6 * (action == 1) + 0.6 * (action == 2), 0.2 * (action == 3), 0.8 * (action == 4)


gym.register("worldmodel/CarRacing-v3", CarRacing, max_episode_steps=1000, reward_threshold=900)
