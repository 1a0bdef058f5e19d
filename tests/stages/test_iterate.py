"""Rounds: the agent's own episodes join the old ones, and V, M and C go on from where they were."""

import json

import numpy as np
import pytest
import torch

from worldmodel.agent.policy import load_policy
from worldmodel.data.episodes import EpisodeStore
from worldmodel.run import checkpoint
from worldmodel.run.log import read_metrics
from worldmodel.stages.iterate import overrides_of

TINY = ["experiment=tiny", "env=pendulum", "evaluate.videos=false"]


@pytest.mark.slow
def test_three_rounds(stage, tmp_path):
    runs = tmp_path / "runs"
    rounds = (
        "rounds=[[],['collect.episodes=3','evolve.cma.sigma=0.01',"
        "'train_vae.fit.learning_rate=1e-9','train_vae.frames.holdout_fraction=0.5',"
        "'train_vae.frames.newest_weight=2'],['keep=[collect,train_vae,encode,train_mdnrnn]']]"
    )
    done = stage("iterate", *TINY, rounds)
    assert done.code == 0, done.err
    first, second, third = (runs / "tiny" / f"round{i}" / "seed0" for i in range(3))
    old, new = (EpisodeStore.open(root / "collect" / "episodes") for root in (first, second))
    assert old.indices() == [0, 1, 2, 3]
    assert new.indices() == [0, 1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(old.read(2).obs, new.read(2).obs)
    assert len({new.read(index).seed for index in new.indices()}) == 7

    weights = [checkpoint.load(root / "train_vae" / "checkpoints" / "best.pt")["weights"]
               for root in (first, second)]  # fmt: skip
    for one, two in zip(*(w.values() for w in weights), strict=True):
        torch.testing.assert_close(one, two, atol=1e-6, rtol=0)
    policies = [load_policy(root / "train_controller" / "checkpoints" / "best.pt")
                for root in (first, second)]  # fmt: skip
    params = [policy.params for policy in policies]
    n = len(params[0]) - 1  # a bias, which follows the features' new mean
    moved, before = params[1][:n] - params[0][:n], params[0][:n]
    assert np.linalg.norm(moved) < 0.2 * np.linalg.norm(before)

    assert not (first / "evaluate").exists()
    assert {path.name for path in third.iterdir()} == {"train_controller", "evaluate"}
    about = checkpoint.load(third / "train_controller" / "checkpoints" / "best.pt")["about"]
    its = second / "train_mdnrnn" / "checkpoints" / "best.pt"
    assert about["mdnrnn"] == str(its.relative_to(tmp_path))
    assert "test score" in done.out
    rows = read_metrics(runs / "tiny" / "rounds" / "seed0")
    assert [row["step"] for row in rows] == [0, 1, 2]
    assert rows[1]["rounds/replayed"] == 4
    assert done.out.count("curves.png and .svg") == 3
    assert (runs / "tiny" / "curves.png").exists()

    figures = [
        {name: value
         for stage in ("train_vae", "train_mdnrnn")
         for name, value in json.loads((root / stage / "DONE").read_text())["figures"].items()
         if name.startswith("newest_")}
        for root in (first, second)
    ]  # fmt: skip
    assert figures[0] == {}
    assert figures[1].keys() == {
        "newest_recon", "newest_kl", "newest_nats_per_dim", "newest_reward_mse"
    }  # fmt: skip
    assert np.isfinite(list(figures[1].values())).all()
    for title in ("V recon, newest", "M nats/dim, newest", "M reward mse, newest"):
        assert f"rounds/{title}" not in rows[0]
        assert np.isfinite(rows[1][f"rounds/{title}"])


def test_a_start_that_the_call_gives_is_that_of_the_first_round():
    given = ["seed=3", "start=other", "collect.agent=other"]
    call = ["name=mine", "rounds=[[],[]]", *given]
    assert overrides_of(["vae.z_dim=8"], call, None) == ["vae.z_dim=8", *given]
    later = overrides_of(["vae.z_dim=8"], call, "mine/round0")
    assert later[-2:] == ["vae.z_dim=8", "seed=3"]
    assert "start=mine/round0" in later
    assert not any("other" in text for text in later)


def test_no_rounds_is_one_sentence(stage):
    outcome = stage("iterate", *TINY)
    assert outcome.code == 1
    assert "rounds is empty" in outcome.err


def test_a_typo_in_a_later_round_is_found_before_the_first(stage, tmp_path):
    outcome = stage("iterate", *TINY, "rounds=[[],['collect.episode=3']]")
    assert outcome.code == 1
    assert "round 1: There is no configuration key 'collect.episode'" in outcome.err
    assert "did you mean 'collect.episodes'" in outcome.err
    assert not (tmp_path / "runs").exists()


def test_the_first_round_has_nothing_to_keep(stage):
    outcome = stage("iterate", *TINY, "rounds=[['keep=[train_vae]']]")
    assert outcome.code == 1
    assert "round 0 can't keep ['train_vae']" in outcome.err
