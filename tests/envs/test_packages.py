"""Where environments come from: packages, modules and wrappers, named where they are missing."""

import os
import subprocess
import sys

import gymnasium as gym
import numpy as np
import odd_worlds as odd
import pytest

from worldmodel.envs import headless
from worldmodel.envs.make import EnvConfig, make_env, make_spec
from worldmodel.envs.packages import KNOWN, known_package
from worldmodel.types import UserError

WORLD = "odd/World-v0"

OWN = """
import gymnasium as gym
import odd_worlds
class Half(gym.RewardWrapper):
    def reward(self, reward): return reward / 2
class Needy(gym.Wrapper):
    def __init__(self, env, much): super().__init__(env)
def lost(env): return None
number = 5
gym.register("Own-v0", odd_worlds.World)
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """own(name, text): write a module to a folder that Python looks into."""
    monkeypatch.syspath_prepend(tmp_path)
    made = []

    def write(name, text=OWN):
        (tmp_path / f"{name}.py").write_text(text)
        made.append(name)
        return name

    yield write
    for name in made:
        sys.modules.pop(name, None)
    gym.registry.pop("Own-v0", None)


def config(name=WORLD, **changes):
    return EnvConfig(name, max_episode_steps=12, **changes)


def refused(*args, **changes):
    odd.variant("World", cls=odd.World)
    with pytest.raises(UserError) as caught:
        make_spec(config(*args, **changes))
    said = str(caught.value)
    assert "\n" not in said
    return said


@pytest.mark.parametrize("wrong", ["Nowhere/X-v0", "Nowhere-v0", "nowhere/Catch-v0"])
def test_an_unknown_name_or_namespace_points_to_modules(wrong):
    said = refused(wrong)
    assert said.startswith(f"Unknown environment {wrong}: ")
    assert "env.modules" in said
    assert "env.id=module:id" in said


def test_a_module_that_registers_nothing_is_named(tmp_path, monkeypatch):
    (tmp_path / "silent_worlds.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    for said in (
        refused("silent_worlds:Own-v0"),
        refused("Own-v0", modules=("silent_worlds",)),
    ):
        assert "silent_worlds registers no Own-v0; call gymnasium.register('Own-v0'" in said


def test_an_unknown_version_has_nothing_to_do_with_modules():
    assert "env.modules" not in refused("CartPole-v9")


def test_a_module_registers_an_id(own):
    name = own("own_worlds")
    assert make_spec(config("Own-v0", modules=[name])).n_actions == 3
    gym.registry.pop("Own-v0")
    sys.modules.pop(name)
    assert make_spec(config(f"{name}:Own-v0")).id == f"{name}:Own-v0"


def test_a_missing_module_is_named():
    said = refused("Own-v0", modules=["own_missing"])
    assert "no module own_missing" in said
    assert "own_missing.py" in said
    assert "no module own.missing" in refused("own.missing:Own-v0")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import os\nimport no_such_package\n", "ModuleNotFoundError in own_bad.py, line 2"),
        ("x = 1\n\ny = x.z\n", "AttributeError in own_bad.py, line 3"),
        ("def f(:\n", "SyntaxError in own_bad.py, line 1"),
    ],
)
def test_a_mistake_in_the_users_own_module_is_told_as_such(own, text, said):
    own("own_bad", text)
    for told in (refused("Own-v0", modules=["own_bad"]), refused("own_bad:Own-v0")):
        assert "module own_bad" in told
        assert said in told
        assert "needs a package" not in told


def test_what_a_constructor_imports_in_vain_is_told_with_its_place(own):
    own("own_late", "import gymnasium\ngymnasium.register('Own-v0', 'own_entry:Own')\n")
    own("own_entry", "x = 1\nimport no_such_package\n")
    said = refused("own_late:Own-v0")
    assert "missing: ModuleNotFoundError in own_entry.py, line 2: No module named" in said


def test_a_mistake_in_a_constructor_is_told_with_its_place():
    odd.variant("Broken", cls=odd.Broken)
    said = refused("odd/Broken-v0")
    assert "KeyError in odd_worlds.py, line" in said
    assert "no such level" in said


@pytest.mark.slow
def test_known_packages_are_imported_by_themselves():
    pytest.importorskip("ale_py")
    script = (
        "from worldmodel.envs.make import *\n"
        "print(make_spec(EnvConfig('ALE/Pong-v5', max_episode_steps=9)).n_actions,"
        " make_spec(EnvConfig('DoomTakeCover-v0', max_episode_steps=9)).action_low)"
    )
    pytest.importorskip("vizdoom")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "6 (-1.0,)", done.stderr


@pytest.mark.parametrize(
    ("name", "module", "cure"),
    [
        ("ALE/Nothing-v5", "ale_py", r".[atari]"),
        ("FlappyBird-v99", "flappy_bird_gymnasium", "pip install flappy-bird-gymnasium"),
        ("highway-v99", "highway_env", "pip install highway-env"),
    ],
)
def test_a_missing_known_package_is_named(name, module, cure, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    said = refused(name)
    assert "needs a package that is missing" in said
    assert cure in said


def test_no_beginning_of_an_id_belongs_to_two_packages():
    starts = [start for package in KNOWN for start in package.starts]
    for start in starts:
        assert [other for other in starts if other.startswith(start)] == [start]
        assert known_package(f"{start}x") is not None


def test_wrappers_may_be_given_by_name(own):
    odd.variant("World", cls=odd.World)
    name = own("own_worlds")
    for wrappers in ([f"{name}.Half"], [f"{name}:Half"]):
        env = make_env(config(wrappers=wrappers))
        env.reset(seed=0)
        assert env.step(0)[1] == 0.5
    env = make_env(config(wrappers=["gymnasium.wrappers.GrayscaleObservation"]))
    assert np.ptp(env.reset(seed=0)[0], axis=-1).max() == 0


def test_one_name_needs_no_brackets(own):
    odd.variant("World", cls=odd.World)
    name = own("own_worlds")
    env = make_env(config("Own-v0", modules=name, wrappers=f"{name}.Half"))
    env.reset(seed=0)
    assert env.step(0)[1] == 0.5


@pytest.mark.parametrize(
    ("wrapper", "said"),
    [
        ("Half", "names no module"),
        ("own_worlds.Halb", "has no Halb"),
        ("own_worlds.number", "can't be called"),
        ("own_worlds.Needy", "can't be put around odd/World-v0: TypeError"),
        ("own_worlds.lost", "gives a NoneType, not an environment"),
        ("own_elsewhere.Half", "no module own_elsewhere"),
        ({"path": "x"}, "can't be called"),
    ],
)
def test_wrong_wrappers_are_refused_with_the_right_form(own, wrapper, said):
    own("own_worlds")
    told = refused(wrappers=[wrapper])
    assert said in told
    assert "env.wrappers" in told


def test_pygame_draws_without_display_where_asking_for_none_would_be_black(monkeypatch):
    monkeypatch.delenv("SDL_VIDEODRIVER", raising=False)
    monkeypatch.setattr(headless, "_chosen", set())
    drivers = []
    for module in ("", "highway_env.envs", "gymnasium.envs"):
        headless.draw_without_display(module)
        drivers.append(os.environ["SDL_VIDEODRIVER"])
    assert drivers == ["dummy", "offscreen", "dummy"]
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    headless.draw_without_display("highway_env.envs")
    assert os.environ["SDL_VIDEODRIVER"] == "x11"  # the user's own
