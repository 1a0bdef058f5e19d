"""Compiled steps of CarRacing beside gymnasium's: the same numbers, to the last bit."""

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.box2d import car_racing as original
from gymnasium.error import InvalidAction

from worldmodel.envs import box2d_memory
from worldmodel.envs.box2d_memory import step_address
from worldmodel.envs.car_racing import CarRacing

AHEAD = 6  # tiles


class Undrawn(original.CarRacing):
    """gymnasium's, without its pictures."""

    def _render(self, mode):
        return None


def make_pair(seed, **kwargs):
    ours, theirs = CarRacing(**kwargs), Undrawn(**kwargs)
    ours.drawing = False
    for env in (ours, theirs):
        env.reset(seed=seed)
    return ours, theirs


def at_random(env, rng, step):
    del env, step
    return rng.uniform([-1, 0, 0], 1).astype(np.float32)


def along_the_road(env, rng, step):
    """Steer towards a tile ahead, fast enough to slide and to leave the road now and then."""
    hull, track = env.car.hull, np.array(env.track)
    offsets = track[:, 2:] - np.array(hull.position)
    nearest = int(np.argmin((offsets**2).sum(1)))
    x, y = offsets[(nearest + AHEAD) % len(track)]
    off = (np.arctan2(y, x) - hull.angle - np.pi / 2 + np.pi) % (2 * np.pi) - np.pi
    fast = np.hypot(*hull.linearVelocity) > 45 + 15 * np.sin(step / 50)
    brake = 0.95 if step % 97 < 3 else 0.3 * (abs(off) > 0.6 and fast)
    gas = 0.0 if fast or brake else 0.4
    return np.array([-2 * off + rng.normal(0, 0.05), gas, brake], np.float32).clip([-1, 0, 0], 1)


def outwards(env, rng, step):
    del rng, step
    hull = env.car.hull
    x, y = hull.position
    off = (np.arctan2(y, x) - hull.angle - np.pi / 2 + np.pi) % (2 * np.pi) - np.pi
    return np.array([-2 * off, 0.3, 0], np.float32).clip(-1, 1)


def state_of(env):
    """What gymnasium keeps of the car."""
    bodies = [[*body.position, body.angle] for body in (env.car.hull, *env.car.wheels)]
    wheels = [[wheel.phase, wheel.omega, wheel.joint.angle] for wheel in env.car.wheels]
    return np.array(bodies), np.array(wheels)


def compare(seed, act, steps, **kwargs):
    """Play both and compare in every step; how many there were, and the last info."""
    ours, theirs = make_pair(seed, **kwargs)
    rng, info, step = np.random.default_rng(seed), {}, 0
    for step in range(steps):
        action = act(theirs, rng, step)
        _, reward, terminated, _, info = ours.step(action)
        _, *expected = theirs.step(action)
        assert (reward, terminated) == tuple(expected[:2])
        assert info == expected[-1]
        bodies, wheels = state_of(theirs)
        pose, tiles = ours._physics.pose, ours._physics.tiles
        assert np.array_equal(pose[:, :3], bodies)
        assert np.array_equal(pose[1:, 3:], wheels)
        assert tuple(pose[0, 3:5]) == tuple(theirs.car.hull.linearVelocity)
        assert pose[0, 5] == theirs.car.hull.angularVelocity
        assert ours.tile_visited_count == theirs.tile_visited_count
        assert (ours.reward, ours.t) == (theirs.reward, theirs.t)
        if step % 20 == 0 or terminated:
            visited = [theirs.road[index].road_visited for index in tiles["index"]]
            assert np.array_equal(tiles["visited"], visited)
            assert np.array_equal(ours._colors, colors_of(theirs))
        if terminated:
            break
    return step + 1, info


def colors_of(env):
    return np.array([color for _, color in env.road_poly]).astype(np.uint8)


def test_this_box2d_is_laid_out_as_expected():
    assert step_address() != 0


@pytest.mark.parametrize("name", ["BODY_VELOCITY", "JOINT_REFERENCE", "CONTACT_NEXT", "BODY_SLEEP"])
def test_another_layout_is_noticed_before_anything_is_read(monkeypatch, name):
    monkeypatch.setattr(box2d_memory, name, getattr(box2d_memory, name) - 4)
    assert step_address.__wrapped__() == 0


def test_where_box2d_is_laid_out_otherwise_the_steps_are_gymnasiums_code(monkeypatch):
    monkeypatch.setattr("worldmodel.envs.car_racing.step_address", lambda: 0)
    ours, theirs = CarRacing(), Undrawn()
    ours.reset(seed=1)
    theirs.reset(seed=1)
    assert ours._physics is None
    for _ in range(5):
        action = np.array([0.1, 0.5, 0], np.float32)
        frame, reward, *_ = ours.step(action)
        assert reward == theirs.step(action)[1]
    assert frame.std() > 10


@pytest.mark.parametrize("seed", [0, 1])
def test_random_steps_are_gymnasiums(seed):
    compare(seed, at_random, 300)


def test_a_driven_lap_is_gymnasiums_to_its_end():
    steps, info = compare(3, along_the_road, 1500)
    assert info == {"lap_finished": True}
    assert steps > 500


def test_leaving_the_field_ends_it_as_in_gymnasium():
    _, info = compare(0, outwards, 2000)
    assert info == {"lap_finished": False}


def test_a_car_at_rest_falls_asleep_and_wakes_as_in_gymnasium():
    drive, wait = np.array([0, 0.5, 0], np.float32), np.zeros(3, np.float32)
    compare(2, lambda env, rng, step: wait if step < 200 else drive, 300)


def test_discrete_actions_are_gymnasiums():
    compare(4, lambda env, rng, step: int(rng.integers(5)), 200, continuous=False)
    env = CarRacing(continuous=False)
    env.reset(seed=0)
    with pytest.raises(InvalidAction, match="7"):
        env.step(7)


def test_what_is_not_a_number_is_refused_before_box2d_sees_it():
    env = CarRacing()
    env.reset(seed=0)
    for at in range(3):
        action = np.zeros(3, np.float32)
        action[at] = np.nan
        with pytest.raises(InvalidAction, match="not a number"):
            env.step(action)
    wild = np.array([np.inf, -np.inf, 1e30], np.float32)
    compare(6, lambda *_: wild, 20)


@pytest.mark.parametrize("copy", [lambda env: pickle.loads(pickle.dumps(env)), copy.deepcopy])
def test_copies_are_made_as_the_first_was(copy):
    made = copy(CarRacing(draw="original", continuous=False))
    assert (made._fast, made.continuous) == (False, False)


def test_a_reset_that_fails_lets_the_episode_go_on():
    ours, theirs = make_pair(7)
    drive = np.array([0, 0.5, 0], np.float32)
    for step in range(40):
        if step == 20:
            for env in (ours, theirs):
                with pytest.raises(gym.error.Error):
                    env.reset(seed=-1)
        assert ours.step(drive)[1] == theirs.step(drive)[1]


def test_what_a_reset_counts_is_known_before_the_first_step():
    ours, theirs = make_pair(8)
    assert (ours.reward, ours.tile_visited_count) == (theirs.reward, theirs.tile_visited_count)
    assert ours.tile_visited_count > 0


def test_it_is_registered_as_gymnasiums_is():
    ours, theirs = gym.spec("worldmodel/CarRacing-v3"), gym.spec("CarRacing-v3")
    assert ours.max_episode_steps == theirs.max_episode_steps == 1000
    assert ours.reward_threshold == theirs.reward_threshold == 900


def test_a_second_episode_is_gymnasiums_too():
    ours, theirs = make_pair(5)
    rng = np.random.default_rng(0)
    for seed in (6, None):
        for env in (ours, theirs):
            env.reset(seed=seed)
        for _ in range(50):
            action = at_random(theirs, rng, 0)
            assert ours.step(action)[1] == theirs.step(action)[1]
        assert np.array_equal(ours._physics.pose[:, :3], state_of(theirs)[0])


@pytest.mark.slow
@pytest.mark.parametrize("act", [at_random, along_the_road])
def test_a_thousand_steps_on_twenty_tracks_are_gymnasiums(act):
    for seed in range(20):
        compare(100 + seed, act, 1000)
