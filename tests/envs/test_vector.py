"""Both backends of VectorEnv."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from worldmodel.envs.make import make_env, make_spec
from worldmodel.envs.vector import EnvPoolVector, GymVector, choose_backend, make_vector
from worldmodel.types import UserError

CONF = Path(__file__).resolve().parents[2] / "conf" / "env"
NAMES = sorted(path.stem for path in CONF.glob("*.yaml") if path.stem != "gym")
BACKENDS = [(name, "gymnasium") for name in NAMES]
BACKENDS += [("car_racing", "fast"), ("car_racing", "envpool")]


def load(name, **changes):
    files = [OmegaConf.load(CONF / f"{one}.yaml") for one in ("gym", name)]
    return instantiate(OmegaConf.merge(*files, changes))


def build(name, backend, threads=2, **changes):
    if backend == "envpool":
        pytest.importorskip("envpool")
    config = load(name, **changes)
    return make_vector(config, make_spec(config), backend, threads)


def play(env, seeds, picked, steps=4, action_seed=0):
    """Frames, rewards of one row while all rows get the same actions."""
    explorer = load("car_racing").explorer if env.spec.action_dim == 3 else None
    if explorer is None:
        explorer = instantiate({"_target_": "worldmodel.envs.explore.WhiteNoise"})
    plan = explorer(env.spec, action_seed, steps)
    frames, rewards = [env.reset(seeds)[picked]], []
    for action in plan:
        obs, reward, _, _ = env.step(np.tile(action, (len(seeds), 1)), np.arange(len(seeds)))
        frames.append(obs[picked])
        rewards.append(reward[picked])
    env.close()
    return np.stack(frames), np.array(rewards)


@pytest.mark.parametrize(("name", "backend"), BACKENDS)
def test_shapes_types_and_subsets(name, backend):
    env = build(name, backend)
    assert env.reset([5, 6, 7]).shape == (3, 64, 64, 3)
    action = load(name).explorer(env.spec, 0, 2)
    obs, reward, terminated, truncated = env.step(action, np.array([2, 0]))
    env.close()
    assert obs.shape == (2, 64, 64, 3)
    assert (obs.dtype, reward.dtype) == (np.uint8, np.float32)
    assert (terminated.dtype, truncated.dtype) == (bool, bool)
    assert reward.shape == terminated.shape == truncated.shape == (2,)


@pytest.mark.parametrize(("name", "backend"), BACKENDS)
def test_an_episode_depends_on_its_seed_alone(name, backend):
    env = build(name, backend)
    alone, alone_reward = play(env, [7], 0)
    among, among_reward = play(env, [3, 7, 4], 1)
    assert np.array_equal(alone, among)
    assert np.array_equal(alone_reward, among_reward)


@pytest.mark.parametrize("backend", ["gymnasium", "fast", "envpool"])
def test_another_seed_gives_another_episode(backend):
    env = build("car_racing", backend)
    assert not np.array_equal(play(env, [7], 0)[0], play(env, [8], 0)[0])


@pytest.mark.parametrize(
    ("name", "backend"), [("lunar_lander", "gymnasium"), ("car_racing", "envpool")]
)
def test_rows_come_back_in_the_order_that_was_asked_for(name, backend):
    env = build(name, backend)
    rng = np.random.default_rng(0)
    action = load(name).explorer(env.spec, 1, 6)
    env.reset(range(6))
    everything = env.step(action, np.arange(6))
    ids = rng.permutation(6)[:4]
    env.reset(range(6))
    some = env.step(action[ids], ids)
    env.close()
    for whole, part in zip(everything, some, strict=True):
        assert np.array_equal(whole[ids], part)


@pytest.mark.parametrize("backend", ["gymnasium", "fast", "envpool"])
def test_frame_skip_repeats_the_action_and_adds_up_rewards(backend):
    action = np.array([[0.1, 0.5, 0]] * 2, np.float32)
    one, three = build("car_racing", backend), build("car_racing", backend, frame_skip=3)
    one.reset([1, 2])
    three.reset([1, 2])
    steps = [one.step(action, np.arange(2)) for _ in range(3)]
    obs, reward, _, _ = three.step(action, np.arange(2))
    assert np.array_equal(obs, steps[-1][0])
    assert np.allclose(reward, sum(step[1] for step in steps), atol=1e-5)


def test_envpool_cuts_at_the_time_limit_and_drops_the_ended_from_the_repeats():
    env = build("car_racing", "envpool", frame_skip=8, max_episode_steps=20)
    env.reset([1, 2, 3])
    still, ids = np.zeros((3, 3), np.float32), np.arange(3)
    # Only two envs go on, so the first one ends later than they do.
    env.step(still[1:], ids[1:])
    env.step(still, ids)
    _, reward, terminated, truncated = env.step(still, ids)
    env.close()
    assert truncated.tolist() == [False, True, True]
    assert not terminated.any()
    # 8 steps of -0.1 for the first, but only the 4 that were left for the others.
    assert reward == pytest.approx([-0.8, -0.4, -0.4], abs=1e-3)


def test_envpools_car_racing_ends_at_the_edge_of_the_field_like_gymnasiums():
    env = build("car_racing", "envpool", frame_skip=4)
    env.reset([3])
    straight = np.array([[0, 0.5, 0]], np.float32)
    steps, ended = 0, np.zeros(1, bool)
    while not ended.any() and steps < 200:
        _, reward, ended, truncated = env.step(straight, np.arange(1))
        steps += 1
    env.close()
    assert ended.all()
    assert not truncated.any()
    # The -100 replaces that step's reward; up to three steps of -0.1 precede it in the repeat.
    assert -100.31 <= reward[0] <= -99.99
    # In gymnasium the same car leaves at env step 271: its 68th repeat of four.
    assert steps == 68


def test_envpools_frames_look_like_gymnasiums():
    """Another track, but the same scene: road, grass and car in the same colours and places."""
    straight = np.tile(np.array([0, 0.3, 0], np.float32), (2, 1))
    looks = []
    for backend in ("gymnasium", "envpool"):
        env = build("car_racing", backend)
        env.reset([5, 6])
        for _ in range(55):
            obs, *_ = env.step(straight, np.arange(2))
        env.close()
        looks.append(obs.astype(float))
    theirs, ours = looks
    assert np.abs(theirs.mean((0, 1, 2)) - ours.mean((0, 1, 2))).max() < 15
    grass, road = np.s_[:, 50:60, 2:6], np.s_[:, 60:, 30:34]
    for look in looks:
        assert (look[grass][..., 1] > 1.5 * look[grass][..., 0]).mean() > 0.9
        assert np.ptp(look[road].mean((0, 1, 2))) < 40
    car = np.s_[:, 52:60, 30:34]
    for look in looks:
        red = look[car][..., 0] - look[car][..., 2]
        assert red.max() > 50  # red, not blue: the channels are in RGB order


def test_two_vectors_live_side_by_side():
    first, second = build("cart_pole", "gymnasium"), build("cart_pole", "gymnasium")
    first.reset([1])
    second.reset([2])
    second.close()
    obs, *_ = first.step(np.array([[1, 0]], np.float32), np.array([0]))
    assert obs.std() > 1


def test_a_reset_leaves_nothing_of_the_last_episode():
    config = load("car_racing")
    env = GymVector(config, make_spec(config))
    fresh, _ = play(env, [4], 0)
    play(env, [9], 0, steps=6, action_seed=5)
    again, _ = play(env, [4], 0)
    assert np.array_equal(fresh, again)


def test_discrete_actions_reach_the_environment():
    config = load("cart_pole")
    env = GymVector(config, make_spec(config))
    raw = make_env(config)
    env.reset([0])
    raw.reset(seed=0)
    for choice in (1, 1, 0):
        obs, *_ = env.step(np.eye(2, dtype=np.float32)[[choice]], np.array([0]))
        assert np.array_equal(obs[0], raw.step(choice)[0])


def test_auto_takes_the_fastest_there_is_and_else_says_why_in_one_line():
    pytest.importorskip("envpool")
    said = []
    assert choose_backend(load("car_racing"), "auto", said.append) == "fast"
    assert choose_backend(load("car_racing", fast_id=None), "auto", said.append) == "envpool"
    assert choose_backend(load("car_racing"), "envpool", said.append) == "envpool"
    assert said == []
    assert choose_backend(load("cart_pole"), "auto", said.append) == "gymnasium"
    assert len(said) == 1
    assert "envpool_id is null" in said[0]
    assert choose_backend(load("car_racing"), "gymnasium", said.append) == "gymnasium"
    assert len(said) == 1
    car = load("car_racing", fast_id=None)
    assert isinstance(make_vector(car, make_spec(car), "auto", 1), EnvPoolVector)


def test_fast_is_refused_where_there_is_no_such_environment():
    with pytest.raises(UserError, match=r"CartPole-v1 has no faster.*env\.fast_id"):
        choose_backend(load("cart_pole"), "fast", print)


def test_fast_plays_the_same_tracks_as_gymnasium_and_takes_arguments_of_its_own():
    changes = {"frame_skip": 4, "fast_kwargs": {"draw": "original"}}
    exact, fast, plain = (
        play(build("car_racing", backend, **(changes | more)), [4], 0)
        for backend, more in [("fast", {}), ("fast", {"fast_kwargs": {}}), ("gymnasium", {})]
    )
    assert np.array_equal(exact[1], plain[1])
    assert np.array_equal(fast[1], plain[1])
    assert np.array_equal(exact[0], plain[0])
    assert 0 < np.abs(fast[0].astype(float) - plain[0]).mean() < 2


def test_wrappers_rule_envpool_out():
    wrapped = load("car_racing", wrappers=[{"_target_": "builtins.id", "_partial_": True}])
    with pytest.raises(UserError, match=r"env\.wrappers"):
        choose_backend(wrapped, "envpool", print)


def test_a_missing_envpool_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "envpool", raising=False)
    said = []
    config = load("car_racing", fast_id=None)
    with pytest.raises(UserError, match=r"\.\[envpool\]"):
        choose_backend(config, "envpool", said.append)
    assert choose_backend(config, "auto", said.append) == "gymnasium"
    assert ".[envpool]" in said[0]


def test_an_unknown_backend_is_named():
    with pytest.raises(UserError, match="'envpol'"):
        choose_backend(load("car_racing"), "envpol", print)


def test_envpool_environments_without_frames_are_refused():
    pytest.importorskip("envpool")
    config = load("cart_pole", envpool_id="CartPole-v1")
    env = EnvPoolVector(config, make_spec(config), 1)
    with pytest.raises(UserError, match=r"env\.envpool_id=null"):
        env.reset([0])
