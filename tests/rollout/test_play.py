"""Numbers that are none end an episode at once, with its seed."""

import numpy as np
import pytest

from worldmodel.envs.vector import GymVector
from worldmodel.rollout.actor import Explore
from worldmodel.rollout.play import play
from worldmodel.types import UserError


class Odd(GymVector):
    """The reward of the second episode's third step is no number."""

    value = np.nan
    steps = 0

    def step(self, action, ids):
        obs, reward, terminated, truncated = super().step(action, ids)
        self.steps += 1
        if self.steps == 3:
            reward[1] = self.value
        return obs, reward, terminated, truncated


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_reward_that_is_no_number_is_named(small, value):
    env = Odd(small.env, small.spec)
    env.value = value
    said = f"In the episode of seed 5, the reward of agent step 3 is {value}"
    with pytest.raises(UserError, match=said):
        play(Explore(small.env.explorer, small.spec, 30), env, [4, 5, 6])


def test_so_is_an_action(small):
    explore = Explore(lambda spec, seed, steps: np.full((steps, 2), np.nan), small.spec, 30)
    with pytest.raises(UserError, match="an action of agent step 1 is nan: mend the environment"):
        play(explore, GymVector(small.env, small.spec), [4])
