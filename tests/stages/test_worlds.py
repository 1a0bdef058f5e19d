"""What stages put together: the environment is probed once, and V, M and C have to fit."""

import pytest

from worldmodel.envs import make

TINY = ("experiment=tiny", "env=cart_pole", "evaluate.videos=false")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "upto", "probes"),
    [
        ("collect", None, 1),
        ("train_controller", "train_mdnrnn", 1),
        ("evaluate", "train_controller", 1),
        ("compare_noise", "train_mdnrnn", 1),
        ("play_dream", "train_controller", 0),
    ],
)
def test_the_environment_is_built_once_for_its_spec(
    stages, finished, monkeypatch, name, upto, probes
):
    if upto is not None:
        finished(upto, *TINY)
    built = []
    original = make.make_env
    # What plays makes environments through another name: this counts `make_spec` alone.
    monkeypatch.setattr(make, "make_env", lambda config: built.append(1) or original(config))
    small = ("compare.seeds=2", "compare.budget=50", "compare.test_every=50",
             "compare.test_episodes=2") if name == "compare_noise" else ()  # fmt: skip
    stages(name, *TINY, *small, *(("play.episodes=1",) if name == "play_dream" else ()))
    assert len(built) == probes
