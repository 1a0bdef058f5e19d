"""CarRacing's tyres, tiles and rewards in compiled code, around Box2D's own solver.

The rules are those of gymnasium's `car_dynamics.Car.step`, `FrictionDetector` and
`CarRacing.step`, in the same order and the same precision: Box2D holds float32, the rest is
float64. Nobody is called back for a contact: after a step, Box2D's list of contacts says which
tiles are touched.
"""

import math
from typing import Any

import numpy as np
from gymnasium.envs.box2d import car_dynamics as dynamics
from gymnasium.envs.box2d import car_racing as original
from numpy.typing import NDArray

from worldmodel.envs.box2d_memory import (
    BODY_ANGLE,
    BODY_FORCE,
    BODY_PLACE,
    BODY_SPIN,
    BODY_TURN,
    BODY_VELOCITY,
    CONTACT_BODY_A,
    CONTACT_BODY_B,
    CONTACT_FLAGS,
    CONTACT_NEXT,
    JOINT_SPEED,
    TOUCHING,
    first_contact,
    joint_angle,
    read_address,
    read_float,
    read_short,
    step_address,
    step_world,
    wake,
    write_float,
)
from worldmodel.envs.compiled import compiled

SECONDS = 1 / original.FPS
VELOCITY_ROUNDS, POSITION_ROUNDS = 6 * 30, 2 * 30  # of Box2D's solver, as gymnasium asks
STEP_COST = 0.1
LAP_REWARD = 1000.0
OUTSIDE_REWARD = -100.0
GRASS_FRICTION = 0.6  # of the road's
STIFFNESS = (
    205000 * dynamics.SIZE * dynamics.SIZE
)  # force for a metre per second between tyre and ground
BRAKE_POWER = 15  # radians per second
GAS_STEP = 0.1  # most that the gas opens in a step
WHEEL_RADIUS = dynamics.WHEEL_R * dynamics.SIZE
_POWER, _INERTIA, _FRICTION = (
    dynamics.ENGINE_POWER,
    dynamics.WHEEL_MOMENT_OF_INERTIA,
    dynamics.FRICTION_LIMIT,
)
REAR = 2  # wheels before this are steered, those from it on are driven

GOES_ON, LAP, OUTSIDE = 0, 1, 2

_CAR = np.dtype(
    [
        ("step", "i8"),  # addresses
        ("world", "i8"),
        ("bodies", "i8", 5),  # the hull and its wheels
        ("joints", "i8", 4),
        ("gas", "f8", 4),  # of each wheel
        ("brake", "f8", 4),
        ("steer", "f8", 4),
        ("phase", "f8", 4),
        ("omega", "f8", 4),
        ("on_road", "u1", 4),
        ("reward", "f8"),  # so far
        ("paid", "f8"),  # of it
        ("visited", "i8"),
        ("lap_share", "f8"),
        ("lap_done", "?"),
        ("road_color", "u1", 3),
    ],
    align=True,
)
_TILE = np.dtype(
    [
        ("body", "i8"),
        ("index", "i8"),
        ("polygon", "i8"),
        ("visited", "?"),  # by a wheel, and paid for
        ("touched", "?"),  # by any part of the car
    ],
    align=True,
)


class Physics:
    """One car on one track.

    Args:
        env: gymnasium's CarRacing after its track and its car have been made; it must outlive this.
        colors: (N, 3) of the polygons of `env.road_poly`; a tile that is touched takes the road's.
        polygons: (tiles,) which row of `colors` is a tile's.

    Attributes:
        car: a record of the controls, the wheels and what has been reached.
        tiles: records in the order of their addresses.
        pose: (5, 6), the hull's and the wheels' as `car_drawing.Scene.draw` takes them.
    """

    def __init__(self, env: Any, colors: NDArray[np.uint8], polygons: NDArray[np.int64]) -> None:
        self._cars = np.zeros(1, _CAR)
        self.car = self._cars[0]
        self.car["step"], self.car["world"] = step_address(), int(env.world.this)
        self.car["bodies"] = [int(body.this) for body in (env.car.hull, *env.car.wheels)]
        self.car["joints"] = [int(wheel.joint.this) for wheel in env.car.wheels]
        self.car["lap_share"] = env.lap_complete_percent
        self.car["road_color"] = np.asarray(env.road_color).astype(np.uint8)
        tiles = np.zeros(len(env.road), _TILE)
        tiles["body"] = [int(tile.this) for tile in env.road]
        tiles["index"], tiles["polygon"] = np.arange(len(tiles)), polygons
        self.tiles = tiles[np.argsort(tiles["body"])]
        self.pose = np.zeros((5, 6))
        self._colors = colors

    def step(self, steer: float, gas: float, brake: float) -> tuple[float, int, float, int]:
        """One env step with the controls of gymnasium's `Car`.

        Returns:
            The reward; GOES_ON, LAP or OUTSIDE; the return so far; the tiles visited so far.
        """
        return _step(self._cars, self.tiles, self._colors, self.pose, steer, gas, brake)

    def roll(self) -> tuple[float, int]:
        """One env step without new controls, such as the one that `reset` takes.

        Returns:
            The return and the tiles visited so far.
        """
        _roll(self._cars, self.tiles, self._colors, self.pose)
        return float(self.car["reward"]), int(self.car["visited"])


@compiled
def _step(
    cars: Any, tiles: Any, colors: Any, pose: Any, steer: float, gas: float, brake: float
) -> tuple[float, int, float, int]:
    car = cars[0]
    _control(car, steer, gas, brake)
    _roll(cars, tiles, colors, pose)
    car.reward -= STEP_COST
    gained = car.reward - car.paid
    car.paid = car.reward
    if abs(pose[0, 0]) > original.PLAYFIELD or abs(pose[0, 1]) > original.PLAYFIELD:
        return OUTSIDE_REWARD, OUTSIDE, car.reward, car.visited
    if car.visited == len(tiles) or car.lap_done:
        return gained, LAP, car.reward, car.visited
    return gained, GOES_ON, car.reward, car.visited


@compiled
def _roll(cars: Any, tiles: Any, colors: Any, pose: Any) -> None:
    car = cars[0]
    for wheel in range(len(car.joints)):
        _push(car, wheel)
    rounds = np.int32(VELOCITY_ROUNDS), np.int32(POSITION_ROUNDS)
    step_world(car.step, car.world, np.float32(SECONDS), rounds[0], rounds[1])
    _feel(car, tiles, colors)
    _look(car, pose)


@compiled
def _control(car: Any, steer: float, gas: float, brake: float) -> None:
    gas = min(max(gas, 0.0), 1.0)
    for wheel in range(len(car.joints)):
        car.brake[wheel] = brake
        if wheel < REAR:
            car.steer[wheel] = steer
        else:
            car.gas[wheel] += min(gas - car.gas[wheel], GAS_STEP)


@compiled
def _push(car: Any, wheel: int) -> None:
    """Turn one wheel and apply the force of its tyre."""
    body, joint = car.bodies[wheel + 1], car.joints[wheel]
    off = car.steer[wheel] - joint_angle(joint)
    wake(car.bodies[0])
    wake(body)
    write_float(joint, JOINT_SPEED, np.float32(np.sign(off) * min(50.0 * abs(off), 3.0)))
    sin, cos = np.float64(read_float(body, BODY_TURN)), np.float64(read_float(body, BODY_TURN + 4))
    vx = np.float64(read_float(body, BODY_VELOCITY))
    vy = np.float64(read_float(body, BODY_VELOCITY + 4))
    omega = _spin(car, wheel)
    car.phase[wheel] += omega * SECONDS
    ahead = (-(-sin * vx + cos * vy) + omega * WHEEL_RADIUS) * STIFFNESS
    aside = -(cos * vx + sin * vy) * STIFFNESS
    force = math.sqrt(ahead * ahead + aside * aside)
    limit = _friction(car.on_road[wheel])
    if force > limit:
        ahead = ahead / force * limit
        aside = aside / force * limit
    car.omega[wheel] = omega - SECONDS * ahead * WHEEL_RADIUS / _INERTIA
    _add(body, BODY_FORCE, aside * cos + ahead * -sin)
    _add(body, BODY_FORCE + 4, aside * sin + ahead * cos)


@compiled
def _spin(car: Any, wheel: int) -> float:
    """Angular velocity of a wheel after engine and brake, radians per second."""
    omega, brake = car.omega[wheel], car.brake[wheel]
    omega += SECONDS * _POWER * car.gas[wheel] / _INERTIA / (abs(omega) + 5.0)
    if brake >= 0.9:
        return 0.0
    if brake > 0:
        omega -= np.sign(omega) * min(BRAKE_POWER * brake, abs(omega))
    return omega


@compiled
def _friction(on_road: int) -> float:
    """Newtons, nearly, at which a tyre starts to slide."""
    return _FRICTION if on_road else _FRICTION * GRASS_FRICTION


@compiled
def _add(body: int, offset: int, amount: float) -> None:
    write_float(body, offset, read_float(body, offset) + np.float32(amount))


@compiled
def _feel(car: Any, tiles: Any, colors: Any) -> None:
    """Which tiles the car is on: friction, rewards, and the colour of tiles once touched."""
    car.on_road[:] = 0
    contact = first_contact(car.bodies)
    while contact:
        if read_short(contact, CONTACT_FLAGS) & TOUCHING:
            first = read_address(contact, CONTACT_BODY_A)
            second = read_address(contact, CONTACT_BODY_B)
            place = _find(tiles, first)
            if place >= 0:
                _meet(car, tiles[place], colors, second, len(tiles))
            else:
                place = _find(tiles, second)
                if place >= 0:
                    _meet(car, tiles[place], colors, first, len(tiles))
        contact = read_address(contact, CONTACT_NEXT)


@compiled
def _find(tiles: Any, body: int) -> int:
    """The tile whose body lies there; -1 for another body."""
    low, high = 0, len(tiles)
    while low < high:
        middle = (low + high) // 2
        if tiles[middle].body < body:
            low = middle + 1
        else:
            high = middle
    return low if low < len(tiles) and tiles[low].body == body else -1


@compiled
def _meet(car: Any, tile: Any, colors: Any, body: int, count: int) -> None:
    if not tile.touched:
        tile.touched = True
        colors[tile.polygon] = car.road_color
    for wheel in range(len(car.joints)):
        if car.bodies[wheel + 1] == body:
            car.on_road[wheel] = 1
            if not tile.visited:
                tile.visited = True
                car.reward += LAP_REWARD / count
                car.visited += 1
                if tile.index == 0 and car.visited / count > car.lap_share:
                    car.lap_done = True


@compiled
def _look(car: Any, pose: Any) -> None:
    for row in range(len(car.bodies)):
        body = car.bodies[row]
        pose[row, 0] = read_float(body, BODY_PLACE)
        pose[row, 1] = read_float(body, BODY_PLACE + 4)
        pose[row, 2] = read_float(body, BODY_ANGLE)
        if row == 0:
            pose[row, 3] = read_float(body, BODY_VELOCITY)
            pose[row, 4] = read_float(body, BODY_VELOCITY + 4)
            pose[row, 5] = read_float(body, BODY_SPIN)
        else:
            pose[row, 3] = car.phase[row - 1]
            pose[row, 4] = car.omega[row - 1]
            pose[row, 5] = joint_angle(car.joints[row - 1])
