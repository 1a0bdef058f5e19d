"""Random actions beside the agent's score: on the same test episodes, played apart from it."""

import json

import pytest

from worldmodel.config import build, compose
from worldmodel.envs.explore import WhiteNoise
from worldmodel.envs.make import make_spec
from worldmodel.envs.vector import make_vector
from worldmodel.seed import derive_many
from worldmodel.stats import mean_sd

TINY = ("experiment=tiny", "env=pendulum", "evaluate.videos=false")


@pytest.mark.slow
def test_they_play_the_test_episodes(stage, finished):
    root = finished("train_controller", "experiment=tiny", "env=pendulum")
    assert stage("evaluate", *TINY, "evaluate.random_episodes=2").code == 0
    figures = json.loads((root / "evaluate" / "DONE").read_text())["figures"]
    config = build(compose("evaluate", list(TINY)).env)
    spec = make_spec(config)
    env = make_vector(config, spec, "gymnasium", 1)
    scores = []
    for seed in derive_many(0, "test", 2):
        env.reset([seed])
        actions = WhiteNoise()(spec, seed, 24)
        scores.append(sum(env.step(action[None], [0])[1][0] for action in actions))
    env.close()
    assert (figures["random_mean"], figures["random_sd"]) == pytest.approx(mean_sd(scores))
    assert figures["random_episodes"] == 2


def test_no_more_than_there_are_test_episodes(stage, finished):
    finished("train_controller", "experiment=tiny", "env=pendulum")
    refused = stage("evaluate", *TINY, "evaluate.random_episodes=9")
    assert refused.code == 1
    assert "evaluate.random_episodes is 9: use 1 to evaluate.episodes, which is 3" in refused.err
