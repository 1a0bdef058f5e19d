"""ViZDoom scenarios as gymnasium environments, TakeCover in the paper's own setting among them."""

import os
import weakref
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from worldmodel.run.layout import install_command
from worldmodel.types import Frames

Step = tuple[Frames, float, bool, bool, dict[str, Any]]

THRESHOLD = 1 / 3  # of the one-number action (Ha & Schmidhuber 2018, section 4)


class DoomEnv(gym.Env[Frames, Any]):
    """One ViZDoom scenario; one step is one tic (1/35 s).

    A state after the end does not exist: ViZDoom's screen is black there. The last frame that
    was alive is returned again in its place.

    Args:
        scenario: name of a file that comes with ViZDoom, such as "take_cover", or a path to a .cfg.
        actions: "discrete" presses one of the scenario's buttons, or none as the last choice;
            "axis", for scenarios of two buttons, takes one number in [-1, 1]: below -1/3 the
            first button, above 1/3 the second, else none.
        skill: 1 (easy) to 5; None as in the scenario's file.
        start_tic: tics that pass before the first frame; None as in the file.
        resolution: ViZDoom's name of the screen's size; 160x120 is its smallest and fastest.
        render_mode: "rgb_array" or None.

    Raises:
        gym.error.DependencyNotInstalled: without the vizdoom package.
        FileNotFoundError: for an unknown scenario.
        ValueError: for unknown actions, or "axis" where there are not two buttons.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 35}  # noqa: RUF012

    def __init__(
        self,
        scenario: str,
        actions: str = "discrete",
        skill: int | None = None,
        start_tic: int | None = None,
        resolution: str = "RES_160X120",
        render_mode: str | None = None,
    ) -> None:
        if actions not in ("discrete", "axis"):
            raise ValueError(f"actions is {actions!r}: use discrete or axis")
        self.render_mode = render_mode
        self._game = _start(scenario, skill, start_tic, resolution)
        # The game is a process of its own: a worker that ends with an open environment ends it too.
        self._end_game = weakref.finalize(self, self._game.close)
        self.max_steps = int(self._game.get_episode_timeout())  # tics; 0: no limit
        buttons = self._game.get_available_buttons_size()
        if actions == "axis" and buttons != 2:
            raise ValueError(f"{scenario} has {buttons} buttons: actions=axis needs 2")
        self._presses = np.eye(buttons + 1, buttons, dtype=np.int64).tolist()
        self._axis = actions == "axis"
        shape = (self._game.get_screen_height(), self._game.get_screen_width(), 3)
        self.observation_space = gym.spaces.Box(0, 255, shape, np.uint8)
        self.action_space = (
            gym.spaces.Box(-1, 1, (1,), np.float32)
            if self._axis
            else gym.spaces.Discrete(buttons + 1)
        )
        self._frame: Frames = np.zeros(shape, np.uint8)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Frames, dict[str, Any]]:
        """Start an episode that depends on the seed alone."""
        super().reset(seed=seed)
        self._game.set_seed(int(self.np_random.integers(1 << 31)))
        self._game.new_episode()
        self._look()
        return self._frame, {}

    def step(self, action: float | int | NDArray[Any]) -> Step:
        """One tic; dying terminates, the scenario's own time limit truncates."""
        choice = _press(float(np.asarray(action).item())) if self._axis else int(action)
        reward = self._game.make_action(self._presses[choice])
        over = self._game.is_episode_finished()
        dead = self._game.is_player_dead()
        truncated = over and not dead and self._game.is_episode_timeout_reached()
        if not over:
            self._look()
        return self._frame, float(reward), over and not truncated, truncated, {}

    def render(self) -> Any:
        """The frame (H, W, 3) as it was last seen."""
        return self._frame

    def close(self) -> None:
        """End the game's process."""
        self._end_game()

    def _look(self) -> None:
        self._frame = np.array(self._game.get_state().screen_buffer)  # the buffer is reused


def _press(number: float) -> int:
    if number < -THRESHOLD:
        return 0
    return 1 if number > THRESHOLD else 2


def _start(scenario: str, skill: int | None, start_tic: int | None, resolution: str) -> Any:
    try:
        import vizdoom
    except ImportError as error:
        raise gym.error.DependencyNotInstalled(
            f"vizdoom is not installed: run {install_command('doom')}"
        ) from error
    shipped = Path(vizdoom.scenarios_path) / f"{scenario}.cfg"
    path = shipped if shipped.exists() else Path(scenario)
    if not path.is_file():
        raise FileNotFoundError(f"{scenario} is neither a scenario of ViZDoom nor a .cfg file")
    game = vizdoom.DoomGame()
    game.set_doom_config_path(os.devnull)  # else its settings are left in the working folder
    game.load_config(str(path))
    game.set_mode(vizdoom.Mode.PLAYER)
    game.set_screen_resolution(getattr(vizdoom.ScreenResolution, resolution))
    game.set_screen_format(vizdoom.ScreenFormat.RGB24)
    game.set_render_hud(False)
    game.set_window_visible(False)
    game.set_sound_enabled(False)
    if skill is not None:
        game.set_doom_skill(skill)
    if start_tic is not None:
        game.set_episode_start_time(start_tic)
    game.init()
    return game


def register() -> None:
    """Make `Doom-v0` (any scenario) and `DoomTakeCover-v0` known to gymnasium.

    Importing this module does it; `gymnasium.make("worldmodel.envs.doom:DoomTakeCover-v0")` does
    both.

    TakeCover is the paper's: skill 4 (with today's 5 a random policy lives a quarter as long),
    reward 1 for every tic alive, at most 2100 of them, one number for left, right and stay.
    """
    entry = "worldmodel.envs.doom:DoomEnv"
    if "Doom-v0" not in gym.registry:
        gym.register("Doom-v0", entry)
    if "DoomTakeCover-v0" not in gym.registry:
        kwargs = {"scenario": "take_cover", "actions": "axis", "skill": 4, "start_tic": 14}
        gym.register("DoomTakeCover-v0", entry, max_episode_steps=2100, kwargs=kwargs)


register()
