"""Environments of many packages build, reset and step, or are refused in one sentence.

WORLDMODEL_MANY=1 pytest tests/envs/test_many.py also takes each through `experiment=tiny`, in some
minutes; what they need besides the packages of `.[dev]` is named by the tests that are skipped.
"""

import importlib.util
import os

import numpy as np
import pytest

from worldmodel.envs.explore import VariedRepeat, WhiteNoise
from worldmodel.envs.make import EnvConfig, make_spec
from worldmodel.envs.vector import GymVector
from worldmodel.run.registry import PIPELINE
from worldmodel.types import UserError

STEPS = 50

# What brings them: (the module that shows whether it is installed, how it is installed).
PACKAGES = {
    "box2d": ("Box2D", "gymnasium[box2d]"),
    "classic": ("pygame", "gymnasium[classic-control]"),
    "atari": ("ale_py", "ale-py"),
    "doom": ("vizdoom", "vizdoom"),
    "mujoco": ("mujoco", "gymnasium[mujoco]"),
    "minigrid": ("minigrid", "minigrid"),
    "highway": ("highway_env", "highway-env"),
    "flappy": ("flappy_bird_gymnasium", "flappy-bird-gymnasium"),
    "robotics": ("gymnasium_robotics", "gymnasium-robotics"),
    "miniworld": ("miniworld", "miniworld"),
    "minatar": ("minatar", "MinAtar"),
    "2048": ("gymnasium_2048", "gymnasium_2048"),
    "mo": ("mo_gymnasium", "mo-gymnasium"),
}

# Those that play, by package: from the id alone.
PLAY = {
    "classic": [
        "CartPole-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Acrobot-v1", "Pendulum-v1",
        "Blackjack-v1", "FrozenLake-v1", "FrozenLake8x8-v1", "CliffWalking-v1", "Taxi-v4",
    ],
    "box2d": [
        "LunarLander-v3", "LunarLanderContinuous-v3", "BipedalWalker-v3",
        "BipedalWalkerHardcore-v3", "CarRacing-v3",
    ],
    "atari": ["ALE/Pong-v5", "ALE/Breakout-v5", "ALE/Freeway-v5", "ALE/SpaceInvaders-v5"],
    "doom": [
        "DoomTakeCover-v0", "VizdoomBasic-v1", "VizdoomDefendCenter-v1",
        "VizdoomHealthGathering-v1",
    ],
    "mujoco": [
        "InvertedPendulum-v5", "InvertedDoublePendulum-v5", "Reacher-v5", "HalfCheetah-v5",
        "Hopper-v5", "Swimmer-v5",
    ],
    "minigrid": [
        "MiniGrid-Empty-5x5-v0", "MiniGrid-DoorKey-6x6-v0", "MiniGrid-FourRooms-v0",
        "BabyAI-GoToRedBall-v0",
    ],
    "highway": ["highway-fast-v0", "merge-v1", "parking-v0", "racetrack-v1"],
    "flappy": ["FlappyBird-v0"],
    "robotics": ["PointMaze_UMaze-v3", "PointMaze_Open-v3"],
    "miniworld": ["MiniWorld-Hallway-v0", "MiniWorld-OneRoom-v0"],
    "minatar": ["MinAtar/Breakout-v1", "MinAtar/Seaquest-v1"],
    "2048": ["gymnasium_2048/TwentyFortyEight-v0"],
}  # fmt: skip

# Those that do not, and what is said.
REFUSED = {
    ("classic", "Taxi-v3"): "use `Taxi-v4`",
    ("classic", "CartPole-v7"): "v1",
    ("atari", "ALE/Nothing-v5"): r"env\.modules",
    ("doom", "Doom-v0"): r"needs more in env\.kwargs.*scenario",
    ("mo", "deep-sea-treasure-v0"): r"pays 2 rewards at once.*env\.wrappers",
    ("minigrid", "MiniGrid-Nowhere-v0"): "Did you mean",
}

BUILT_IN = {"classic", "box2d", "atari", "doom"}  # these come with `.[dev]`
ALL = [(package, name) for package, names in PLAY.items() for name in names]


def need(package):
    module, pip = PACKAGES[package]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed: pip install '{pip}'")


def test_the_list_is_long_enough():
    assert len(ALL) >= 40
    assert len(PLAY) >= 8


def _marked(package):
    return () if package in BUILT_IN else pytest.mark.slow


@pytest.mark.parametrize(
    ("package", "name"), [pytest.param(*pair, marks=_marked(pair[0])) for pair in ALL]
)
def test_an_id_alone_gives_an_environment_that_plays(package, name):
    need(package)
    explorer = VariedRepeat(WhiteNoise(), 1, 10)
    config = EnvConfig(name, max_episode_steps=200, explorer=explorer)
    spec = make_spec(config)
    env = GymVector(config, spec)
    frames = set()
    for start in range(0, STEPS, 25):  # two episodes
        obs = env.reset([start])
        for action in explorer(spec, start, 25):
            frames.add(obs.tobytes())
            obs, reward, terminated, truncated = env.step(action[None], np.arange(1))
            assert obs.shape == (1, 64, 64, 3)
            assert np.isfinite(reward).all()
            if terminated[0] or truncated[0]:
                break
    env.close()
    assert len(frames) > 1


@pytest.mark.parametrize(("package", "name"), REFUSED)
def test_others_are_refused_in_one_sentence(package, name):
    need(package)
    with pytest.raises(UserError, match=REFUSED[package, name]) as refusal:
        make_spec(EnvConfig(name, max_episode_steps=200))
    assert name in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.slow
@pytest.mark.skipif(
    not os.environ.get("WORLDMODEL_MANY"), reason="takes minutes: set WORLDMODEL_MANY=1"
)
@pytest.mark.parametrize(("package", "name"), ALL)
def test_every_stage_runs_from_an_id_alone(package, name, stages, tmp_path):
    need(package)
    stages(" ".join(PIPELINE), "experiment=tiny", "env=gym", f"env.id={name}")
    assert list(tmp_path.glob("runs/tiny/seed0/evaluate/*.mp4"))
