"""Environments from their YAML files: frames, time limit, spec and errors."""

import pickle
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from worldmodel.envs.make import EnvConfig, make_env, make_spec, make_whole
from worldmodel.types import EnvSpec, UserError

CONF = Path(__file__).resolve().parents[2] / "conf" / "env"
NAMES = sorted(path.stem for path in CONF.glob("*.yaml") if path.stem != "gym")
SHAPES = {"car_racing": 3, "cart_pole": 2, "lunar_lander": 4, "pendulum": 1, "pong": 6,
          "take_cover": 1, "defend_the_center": 4}  # fmt: skip


def load(name, **changes):
    files = [OmegaConf.load(CONF / f"{one}.yaml") for one in ("gym", name)]
    return instantiate(OmegaConf.merge(*files, changes))


@pytest.mark.parametrize("name", NAMES)
def test_every_yaml_gives_frames_and_a_spec(name):
    config = load(name)
    spec = make_spec(config)
    assert spec.obs_shape == (64, 64, 3)
    assert spec.action_dim == SHAPES.get(name, spec.action_dim)
    assert EnvSpec.from_dict(spec.to_dict()) == spec
    env = make_env(config)
    obs, _ = env.reset(seed=1)
    action = spec.to_env(config.explorer(spec, 0, 1))[0]
    after, reward, terminated, truncated, _ = env.step(action)
    env.close()
    for frame in (obs, after):
        assert frame.shape == spec.obs_shape
        assert frame.dtype == np.uint8
        assert frame.std() > 1  # not blank
    assert isinstance(reward, float)
    assert not terminated
    assert not truncated


def test_the_spec_of_car_racing():
    spec = make_spec(load("car_racing"))
    assert spec.action_low == (-1, 0, 0)
    assert spec.action_high == (1, 1, 1)
    assert spec.squash == ("scale", "scale", "clip*0.2")
    assert spec.reach == (1, 1, 0.2)
    assert spec.solved_at == 900


@pytest.mark.parametrize(
    ("name", "fps", "steps"),
    [("car_racing", 50, 12.5), ("take_cover", 35, 35), ("pendulum", 30, 30)],
)
def test_a_spec_knows_how_fast_the_game_is(name, fps, steps):
    pytest.importorskip("vizdoom" if name == "take_cover" else "gymnasium")
    skip = {"frame_skip": 4} if name == "car_racing" else {}
    spec = make_spec(load(name, **skip))
    assert spec.fps == fps
    assert spec.steps_per_second == steps
    assert EnvSpec.from_dict(spec.to_dict()) == spec
    before = replace(spec, fps=None)  # as in checkpoints of earlier versions
    assert "fps" not in before.to_dict()
    assert spec.differences(before) == []


def test_without_squash_every_continuous_dimension_is_scaled():
    assert make_spec(load("pendulum", squash=None)).squash == ("scale",)
    assert make_spec(load("cart_pole")).squash == ()


def test_frame_skip_adds_up_rewards():
    torque = np.array([1.5], np.float32)
    one, four = make_env(load("pendulum")), make_env(load("pendulum", frame_skip=4))
    one.reset(seed=3)
    four.reset(seed=3)
    steps = [one.step(torque) for _ in range(4)]
    obs, reward, *_ = four.step(torque)
    assert reward == pytest.approx(sum(step[1] for step in steps))
    assert np.array_equal(obs, steps[-1][0])


def test_the_time_limit_counts_env_steps():
    env = make_env(load("pendulum", frame_skip=4, max_episode_steps=10))
    env.reset(seed=0)
    ends = [env.step(np.zeros(1, np.float32))[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]


def test_frame_skip_stops_at_the_end_of_the_episode():
    env = make_env(load("cart_pole", frame_skip=100))
    env.reset(seed=0)
    _, reward, terminated, _, _ = env.step(1)
    assert terminated
    assert reward < 20  # one per step until the pole fell


def test_wrappers_are_applied_to_the_raw_environment():
    half = {
        "_target_": "gymnasium.wrappers.TransformReward",
        "_partial_": True,
        "func": {"_target_": "operator.mul", "_partial_": True, "_args_": [0.5]},
    }
    plain, halved = make_env(load("cart_pole")), make_env(load("cart_pole", wrappers=[half]))
    plain.reset(seed=0)
    halved.reset(seed=0)
    assert halved.step(0)[1] == 0.5 * plain.step(0)[1]


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("CartPol-v1", "CartPole"),
        ("CarRacing-v9", "v3"),
        ("Nowhere/X-v0", "env.modules"),
        ("Car Racing", "Malformed"),
    ],
)
def test_an_unknown_id_is_named_with_the_nearest_match(wrong, near):
    with pytest.raises(UserError, match=f"{wrong}.*{near}"):
        make_env(load("cart_pole", id=wrong))


@pytest.mark.parametrize(
    ("name", "package", "loaded", "extra"),
    [
        ("car_racing", "Box2D", "gymnasium.envs.box2d", "box2d"),
        ("pong", "ale_py", "ale_py", "atari"),
        ("cart_pole", "pygame", "pygame", "classic"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(name, package, loaded, extra, monkeypatch):
    config = load(name)
    for module in [module for module in sys.modules if module.startswith(loaded)]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"\.\[{extra}\]"):
        make_spec(config)


def test_arguments_that_an_environment_does_not_take_are_named():
    with pytest.raises(UserError, match="CartPole-v1 refuses"):
        make_env(load("cart_pole", kwargs={"gravitas": 1}))


def test_values_that_an_environment_refuses_are_named():
    pytest.importorskip("vizdoom")
    with pytest.raises(UserError, match=r"Doom-v0 refuses.*no_such"):
        make_env(load("defend_the_center", kwargs={"scenario": "no_such"}))
    with pytest.raises(UserError, match=r"Doom-v0 refuses.*discrete or axis"):
        make_env(load("take_cover", id="Doom-v0", kwargs={"scenario": "basic", "actions": "all"}))


def test_native_observations_must_be_frames():
    with pytest.raises(UserError, match=r"env\.obs=render"):
        make_env(load("cart_pole", obs="native"))


def test_a_crop_outside_the_frame_is_named():
    with pytest.raises(UserError, match=r"env\.crop_rows=\[0, 900\]"):
        make_spec(load("cart_pole", crop_rows=[0, 900]))


def test_squash_must_fit_the_action():
    with pytest.raises(UserError, match=r"env\.squash has 3 entries"):
        make_spec(load("pendulum", squash=["scale"] * 3))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("obs", "pixels"),
        ("crop_rows", [5, 5]),
        ("crop_cols", [-1, 5]),
        ("size", 0),
        ("frame_skip", 0),
        ("max_episode_steps", 0),
        ("action_bounds", [1]),
        ("action_bounds", ["a", "b"]),
        ("action_bounds", 3),
        ("wrappers", 3),
        ("crop_rows", "auto"),
        ("squash", ["stretch"]),
        ("squash", ["clip*2"]),
        ("squash", ["scale*few"]),
    ],
)
def test_the_config_refuses_nonsense_and_names_the_key(key, value):
    with pytest.raises(Exception, match=rf"env\.{key}"):
        load("cart_pole", **{key: value})


@pytest.mark.parametrize("name", NAMES)
def test_configs_travel_to_worker_processes(name):
    config = load(name)
    assert pickle.loads(pickle.dumps(config)) == config


@pytest.mark.parametrize(
    ("env_id", "modules", "shape"),
    [("Acrobot-v1", (), (500, 500, 3)), ("ALE/Pong-v5", ("ale_py",), (210, 160, 3))],
)
def test_an_environment_from_its_id_alone(env_id, modules, shape):
    config = EnvConfig(env_id, modules=modules)
    env, whole = make_env(config), make_whole(config)
    assert env.reset(seed=0)[0].shape == (64, 64, 3)
    assert whole.reset(seed=0)[0].shape == shape
    with pytest.raises(UserError, match=r"env\.explorer is null"):
        config.needs_explorer()


def test_a_spec_needs_a_time_limit():
    spec = make_spec(EnvConfig("Acrobot-v1"))
    assert (spec.frame_skip, spec.max_episode_steps) == (1, 500)
    with pytest.raises(UserError, match=r"no time limit: give env\.max_episode_steps"):
        make_spec(EnvConfig("ALE/Pong-v5", modules=("ale_py",)))
