"""Frames come without a display."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys
from hydra import compose, initialize_config_dir
from worldmodel.config import CONF, build
from worldmodel.envs.make import make_env
with initialize_config_dir(str(CONF), version_base="1.3"):
    env = make_env(build(compose("collect", [f"env={sys.argv[1]}"]).env))
obs, _ = env.reset(seed=0)
print(obs.shape, obs.std() > 0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["car_racing", "lunar_lander", "cart_pole", "pong"])
def test_an_environment_renders_without_a_display(name):
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER", "SDL_AUDIODRIVER")
    env = {key: value for key, value in os.environ.items() if key not in hidden}
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT, name], env=env, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip().splitlines()[-1] == "(64, 64, 3) True"
