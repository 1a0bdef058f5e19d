"""Small environments, each odd in one way; registered as odd/<name>-v0."""

import gymnasium as gym
import numpy as np
from gymnasium import spaces

BYTES = spaces.Box(0, 255, (48, 40, 3), np.uint8)


class World(gym.Env):
    """A block that moves at every step, before a patch in the episode's own shade.

    `taken` are the actions as they arrived.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 30}  # noqa: RUF012
    observation_space = BYTES
    action_space = spaces.Discrete(3)
    length = 12

    def __init__(self, render_mode=None):
        self.render_mode = render_mode
        self.taken = []

    def picture(self):
        frame = np.zeros((48, 40, 3), np.uint8)
        x = 3 * (self.t % 10)
        frame[20:30, x : x + 8] = (200, 100, 50)
        frame[:8, :8] = self.shade
        return frame

    def see(self):
        return self.picture()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t, self.shade = 0, int(self.np_random.integers(50, 200))
        return self.see(), {}

    def step(self, action):
        assert self.action_space.contains(action), f"{action!r} is not in {self.action_space}"
        self.taken.append(action)
        self.t += 1
        return self.see(), 1.0, self.t >= self.length, False, {}

    def render(self):
        return self.picture()


def variant(name, **changes):
    """Register a World with other attributes, or another class."""
    made = changes.pop("cls", None) or type(name, (World,), changes)
    if f"odd/{name}-v0" not in gym.registry:
        gym.register(f"odd/{name}-v0", made)
    return f"odd/{name}-v0"


def acting(name, space):
    """A World with another action space."""
    return variant(name, action_space=space)


def seeing(name, space, see):
    """A World with another observation, which cannot draw itself."""

    def render(self):
        raise NotImplementedError

    return variant(name, observation_space=space, see=see, render=render)


def drawing(name, render):
    """A World that observes two numbers and draws in another way."""
    numbers = spaces.Box(0, 1, (2,), np.float32)
    zeros = np.zeros(2, np.float32)
    return variant(name, observation_space=numbers, see=lambda self: zeros, render=render)


class NoMode(World):
    """Its constructor knows no render_mode."""

    def __init__(self):
        self.taken = []


class NoInit(gym.Env):
    """It has no constructor of its own."""

    action_space = gym.spaces.Discrete(2)
    observation_space = gym.spaces.Box(0, 255, (64, 64, 3), np.uint8)


class OldReset(World):
    """Returns the observation alone, as gym did before 0.26."""

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)[0]


class OldStep(World):
    """Returns four things, as gym did before 0.26."""

    def step(self, action):
        obs, reward, terminated, _, info = super().step(action)
        return obs, reward, terminated, info


class Arrays(World):
    """Rewards and ends are arrays of one."""

    def step(self, action):
        obs, reward, terminated, truncated, info = super().step(action)
        return obs, np.array([reward]), np.array([terminated]), np.array([truncated]), info


class Vector(World):
    """Two rewards at a time."""

    def step(self, action):
        return super().step(action)[0], np.ones(2), False, False, {}


class SameCanvas(World):
    """Draws on one array for good."""

    canvas = None

    def see(self):
        if self.canvas is None:
            self.canvas = np.zeros((48, 40, 3), np.uint8)
        self.canvas[...] = self.picture()
        return self.canvas

    def render(self):
        return self.see()


class Broken(World):
    """Its constructor has a mistake."""

    def __init__(self, render_mode=None):
        raise KeyError("no such level")
