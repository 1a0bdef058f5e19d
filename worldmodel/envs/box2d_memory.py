"""Box2D's bodies, joints and contacts read and written where they lie, from compiled code.

In Python each number that crosses to Box2D costs about a microsecond, many times what the solver
needs for it. Its Python package hands out addresses (`body.this`); where in a body its velocity
lies follows from Box2D's headers. `step_address` compares every place that is used here with what
the package itself says, in a small world of its own, before anything else is read or written.
"""

import ctypes
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import Box2D
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from worldmodel.envs.compiled import compiled

# Bytes from the start of a b2Body, and of a b2RevoluteJoint, a b2Contact and a b2ContactEdge.
BODY_FLAGS, BODY_PLACE, BODY_TURN, BODY_ANGLE = 4, 12, 20, 56
BODY_VELOCITY, BODY_SPIN, BODY_FORCE = 64, 72, 76
BODY_CONTACTS, BODY_SLEEP = 136, 172
JOINT_BODIES, JOINT_SPEED, JOINT_REFERENCE = 96, 168, 176
CONTACT_FLAGS, CONTACT_BEFORE, CONTACT_NEXT, CONTACT_BODY_B, CONTACT_BODY_A = 8, 16, 24, 32, 64
EDGE_CONTACT = 8
AWAKE, TOUCHING = 2, 2  # bits of the flags

_STEP = "_ZN7b2World4StepEfii"  # b2World::Step(float, int, int)


def _read(element: Any, size: int) -> Any:
    @intrinsic
    def read(typing: Any, address: Any, offset: Any) -> Any:
        del typing, address, offset

        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            place = builder.add(args[0], args[1])
            pointer = builder.inttoptr(place, ir.IntType(8 * size).as_pointer())
            return builder.bitcast(
                builder.load(pointer), context.get_value_type(signature.return_type)
            )

        return element(types.int64, types.int64), build

    return read


def _write(element: Any, size: int) -> Any:
    @intrinsic
    def write(typing: Any, address: Any, offset: Any, value: Any) -> Any:
        del typing, address, offset, value

        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            del signature
            place = builder.add(args[0], args[1])
            pointer = builder.inttoptr(place, ir.IntType(8 * size).as_pointer())
            builder.store(builder.bitcast(args[2], ir.IntType(8 * size)), pointer)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, element), build

    return write


read_float, write_float = _read(types.float32, 4), _write(types.float32, 4)
read_short, write_short = _read(types.uint16, 2), _write(types.uint16, 2)
read_address = _read(types.int64, 8)


@intrinsic
def step_world(
    typing: Any, step: Any, world: Any, seconds: Any, velocity_rounds: Any, position_rounds: Any
) -> Any:
    """Call b2World::Step, which lies at `step` (see `step_address`), of the world at `world`."""
    del typing, step, world, seconds, velocity_rounds, position_rounds

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del signature
        takes = [ir.IntType(64), ir.FloatType(), ir.IntType(32), ir.IntType(32)]
        kind = ir.FunctionType(ir.VoidType(), takes)
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])
        return context.get_dummy_value()

    numbers = types.int64, types.int64, types.float32, types.int32, types.int32
    return types.void(*numbers), build


@compiled
def wake(body: int) -> None:
    """What b2Body::SetAwake(true) does."""
    flags = read_short(body, BODY_FLAGS)
    if flags & AWAKE == 0:
        write_short(body, BODY_FLAGS, np.uint16(flags | AWAKE))
        write_float(body, BODY_SLEEP, np.float32(0))


@compiled
def joint_angle(joint: int) -> float:
    """Radians by which a revolute joint is turned."""
    first = read_address(joint, JOINT_BODIES)
    second = read_address(joint, JOINT_BODIES + 8)
    between = read_float(second, BODY_ANGLE) - read_float(first, BODY_ANGLE)
    angle: float = between - read_float(joint, JOINT_REFERENCE)
    return angle


@compiled
def first_contact(bodies: Any) -> int:
    """The head of the list of all contacts of the world in which `bodies` lie; 0 if it is empty.

    Box2D goes through that list in this order, and so do those whom it tells.
    """
    for body in bodies:
        edge = read_address(body, BODY_CONTACTS)
        if edge:
            contact = read_address(edge, EDGE_CONTACT)
            before = read_address(contact, CONTACT_BEFORE)
            while before:
                contact, before = before, read_address(before, CONTACT_BEFORE)
            return contact
    return 0


@lru_cache(maxsize=1)
def step_address() -> int:
    """Where b2World::Step lies; 0 where this build of Box2D does not say, or lies otherwise."""
    try:
        library = ctypes.CDLL(Box2D._Box2D.__file__)
        found = ctypes.cast(getattr(library, _STEP), ctypes.c_void_p).value
    except (OSError, AttributeError):
        return 0
    return found if found and all(a == b for a, b in _compare(found)) else 0


_SECONDS = 1 / 50


def _compare(step: int) -> Iterator[tuple[Any, Any]]:
    """What Box2D says and what lies there, place by place, those first that lead on to others."""
    world, hull, wheel, joint = _small_world()
    for body in (hull, wheel):
        at = int(body.this)
        yield tuple(body.position), _floats(at, BODY_PLACE, 2)
        yield tuple(body.GetWorldVector((1, 0))), _floats(at, BODY_TURN, 2)[::-1]
        yield (body.angle,), _floats(at, BODY_ANGLE, 1)
        yield tuple(body.linearVelocity), _floats(at, BODY_VELOCITY, 2)
        yield (body.angularVelocity,), _floats(at, BODY_SPIN, 1)
        edge = body.contacts[-1]  # the package turns Box2D's lists around
        yield int(edge.this), _address(at, BODY_CONTACTS)
        yield int(edge.contact.this), _address(int(edge.this), EDGE_CONTACT)
    yield from _compare_joint(joint, hull, wheel)
    yield from _compare_contacts(world)
    yield from _compare_rest(hull)
    stepped, twins = [_small_world() for _ in range(2)]
    stepped[0].Step(_SECONDS, 180, 60)
    take = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_float, ctypes.c_int, ctypes.c_int)
    take(step)(int(twins[0].this), _SECONDS, 180, 60)
    yield tuple(stepped[1].position), tuple(twins[1].position)


def _small_world() -> tuple[Any, Any, Any, Any]:
    """A world of a turning body with a wheel on a joint, above two tiles that only feel them."""
    world = Box2D.b2World((0, 0))
    box = Box2D.b2PolygonShape(box=(1, 2))
    feels = Box2D.b2FixtureDef(shape=box, isSensor=True)
    for place in ((0.5, 0.0), (2.65, 4.6)):  # under the body; near it, but not touched
        world.CreateStaticBody(position=place, fixtures=feels)
    solid = Box2D.b2FixtureDef(shape=box, density=1.0)
    hull = world.CreateDynamicBody(position=(0.25, 0.5), angle=0.3, fixtures=solid)
    wheel = world.CreateDynamicBody(position=(0.5, 0.75), angle=0.4, fixtures=solid)
    joint = world.CreateJoint(
        Box2D.b2RevoluteJointDef(
            bodyA=hull, bodyB=wheel, referenceAngle=0.05, enableMotor=True, maxMotorTorque=9.0
        )
    )
    joint.motorSpeed = 1.25
    hull.linearVelocity, hull.angularVelocity = (3.0, -2.0), 0.7
    world.Step(_SECONDS, 180, 60)
    return world, hull, wheel, joint


def _compare_joint(joint: Any, hull: Any, wheel: Any) -> Iterator[tuple[Any, Any]]:
    at = int(joint.this)
    yield int(hull.this), _address(at, JOINT_BODIES)
    yield int(wheel.this), _address(at, JOINT_BODIES + 8)
    yield (joint.motorSpeed,), _floats(at, JOINT_SPEED, 1)
    reference = _floats(at, JOINT_REFERENCE, 1)[0]
    yield reference, float(np.float32(0.05))
    between = np.float32(wheel.angle) - np.float32(hull.angle)
    yield joint.angle, float(between - np.float32(reference))


def _compare_contacts(world: Any) -> Iterator[tuple[Any, Any]]:
    contacts = world.contacts[::-1]
    places = [int(contact.this) for contact in contacts]
    for before, contact, after in zip([0, *places], contacts, [*places[1:], 0], strict=False):
        at = int(contact.this)
        yield before, _address(at, CONTACT_BEFORE)
        yield after, _address(at, CONTACT_NEXT)
        yield contact.touching, bool(_address(at, CONTACT_FLAGS) & TOUCHING)
        yield int(contact.fixtureA.body.this), _address(at, CONTACT_BODY_A)
        yield int(contact.fixtureB.body.this), _address(at, CONTACT_BODY_B)


def _compare_rest(hull: Any) -> Iterator[tuple[Any, Any]]:
    at = int(hull.this)
    hull.ApplyForceToCenter((1.5, -2.5), True)
    yield (1.5, -2.5), _floats(at, BODY_FORCE, 2)
    for awake in (False, True):
        hull.awake = awake
        yield awake, bool(ctypes.c_uint16.from_address(at + BODY_FLAGS).value & AWAKE)
    world = Box2D.b2World((0, 0))
    still = world.CreateDynamicBody(fixtures=Box2D.b2FixtureDef(shape=Box2D.b2CircleShape()))
    world.Step(_SECONDS, 1, 1)
    yield (float(np.float32(_SECONDS)),), _floats(int(still.this), BODY_SLEEP, 1)


def _floats(at: int, offset: int, count: int) -> tuple[float, ...]:
    return tuple((ctypes.c_float * count).from_address(at + offset))


def _address(at: int, offset: int) -> int:
    return ctypes.c_int64.from_address(at + offset).value
