"""A catching game: a ball falls, a paddle moves left, stays or moves right."""

import gymnasium as gym
import numpy as np


class Catch(gym.Env):
    """Ten balls an episode, one after the other: 1 for each that is caught, -1 for each missed."""

    action_space = gym.spaces.Discrete(3)
    observation_space = gym.spaces.Box(0, 255, (64, 64, 3), np.uint8)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.balls, self.paddle = 0, 32
        self._drop()
        return self._picture(), {}

    def step(self, action):
        self.paddle = min(max(self.paddle + 4 * (int(action) - 1), 6), 58)
        self.row += 4
        reward = 0.0
        if self.row >= 58:
            reward = 1.0 if abs(self.column - self.paddle) <= 6 else -1.0
            self.balls += 1
            self._drop()
        return self._picture(), reward, self.balls == 10, False, {}

    def _drop(self):
        self.row, self.column = 2, int(self.np_random.integers(4, 61))

    def _picture(self):
        picture = np.zeros((64, 64, 3), np.uint8)
        picture[58:62, self.paddle - 6 : self.paddle + 6] = (80, 160, 255)
        ball = slice(self.row - 2, self.row + 2), slice(self.column - 2, self.column + 2)
        picture[ball] = (255, 200, 60)
        return picture


gym.register("Catch-v0", Catch, max_episode_steps=150)
