"""Bad input: one sentence that names the file or key, exit code 1, nothing lost."""

import shutil

import pytest
import torch

from worldmodel.run import checkpoint
from worldmodel.run.layout import read_done

BASE = ("experiment=tiny", "env=cart_pole")


def complains(outcome, *words):
    assert outcome.code == 1, outcome.err
    lines = outcome.err.strip().splitlines()
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("error: ")
    for word in words:
        assert word in lines[0]


def test_misspelt_key(stage):
    complains(stage("collect", *BASE, "collect.episods=3"), "collect.episods", "collect.episodes")


def test_misspelt_group_choice(stage):
    complains(stage("collect", "env=cart_pol"), "cart_pol")


def test_key_that_the_class_lacks(stage):
    complains(stage("collect", *BASE, "+env.colour=red"), "colour")


def test_wrong_type(stage):
    complains(stage("collect", *BASE, "collect.episodes=many"), "collect.episodes")


def test_too_few_episodes(stage):
    complains(stage("collect", *BASE, "collect.episodes=0"), "collect.episodes")


def test_no_batch_to_encode(stage, finished):
    finished("train_vae", *BASE)
    complains(stage("encode", *BASE, "encode.batch_size=0"), "encode.batch_size")


def test_unknown_env_id(stage):
    complains(stage("collect", *BASE, "env.id=CartPoll-v1"), "CartPoll-v1")


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("train_vae", "collect"),
        ("encode", "collect"),
        ("train_mdnrnn", "encode"),
        ("train_controller", "train_vae"),
        ("evaluate", "train_controller"),
    ],
)
def test_missing_stage(stage, name, missing):
    complains(stage(name, *BASE), missing, f"scripts/{missing}.py")


def test_another_configuration_in_the_same_folder(stage, finished):
    finished("train_vae", *BASE)
    complains(stage("train_vae", *BASE, "vae.z_dim=8"), "vae.z_dim=4", "8", "train_vae")
    complains(stage("collect", *BASE, "env.frame_skip=2"), "env.frame_skip=1")


def test_a_stage_made_from_older_input(stage, stages, finished):
    finished("train_vae", *BASE)
    stages("collect", *BASE, "collect.episodes=5")
    complains(stage("train_vae", *BASE), "older collect", "train_vae")


@pytest.mark.slow
def test_m_is_not_trained_on_what_another_v_saw(stage, stages, finished):
    finished("encode", *BASE)
    other = (*BASE, "name=other", "upstream=tiny")
    stages("train_vae", *other)
    complains(stage("train_mdnrnn", *other), "do not belong together", "train_vae")
    stages("encode train_mdnrnn", *other)


def test_less_of_a_finished_stage_is_done_already(stage, finished):
    finished("train_vae", *BASE)
    for name in ("collect", "train_vae"):
        outcome = stage(name, *BASE, "collect.episodes=3", "train_vae.fit.steps=2")
        assert outcome.code == 0, outcome.err
        assert "done already" in outcome.out


@pytest.mark.slow
def test_a_search_goes_on_from_what_it_saw(stages, finished, tmp_path):
    """Its principal components are part of it: without the latents they can't be found again."""
    seen = (*BASE, "controller=linear_pca", "controller.components=3")
    finished("train_mdnrnn", *BASE)
    stages("train_controller", *seen)
    root = tmp_path / "runs/tiny/seed0"
    path = root / "train_controller/checkpoints/last.pt"
    before = checkpoint.load(path)["about"]
    shutil.rmtree(root / "encode")
    stages("train_controller", *seen, "evolve.generations=3")
    after = checkpoint.load(path)["about"]
    assert before["axes"].shape == (4 + 8, 3)
    for name in ("offset", "axes"):
        assert torch.equal(before[name], after[name])


def test_more_of_a_finished_stage_goes_on(stage, finished):
    finished("train_vae", *BASE)
    outcome = stage("train_vae", *BASE, "train_vae.fit.steps=8")
    assert outcome.code == 0, outcome.err
    assert "resuming at step 6 of 8" in outcome.out


def test_broken_episode(stage, stages, finished, tmp_path):
    finished("collect", *BASE)
    episode = tmp_path / "runs/tiny/seed0/collect/episodes/000001.zip"
    episode.write_bytes(episode.read_bytes()[:-40])
    complains(stage("train_vae", *BASE), "000001", "collect/DONE")
    # Nothing else was harmed: without that file, collect makes just this episode again.
    episode.unlink()
    (episode.parent.parent / "DONE").unlink()
    stages("collect train_vae", *BASE)


def test_nan_loss(stage, finished, tmp_path):
    finished("collect", *BASE)
    outcome = stage("train_vae", *BASE, "train_vae.fit.learning_rate=1e30",
                    "train_vae.fit.steps=200")  # fmt: skip
    complains(outcome, "loss", "learning_rate")
    assert read_done(tmp_path / "runs/tiny/seed0/train_vae") is None


@pytest.mark.slow
def test_checkpoint_of_another_shape(stage, finished, tmp_path):
    finished("train_mdnrnn", *BASE)
    finished("train_vae", *BASE, "name=wide", "vae.z_dim=8")
    runs = tmp_path / "runs"
    shutil.copy(runs / "wide/seed0/train_vae/checkpoints/best.pt",
                runs / "tiny/seed0/train_vae/checkpoints/best.pt")  # fmt: skip
    complains(stage("train_controller", *BASE), "train_mdnrnn", "4 latents", "8")


@pytest.mark.slow
def test_one_episode_is_enough_and_is_told(stage, stages):
    one = (*BASE, "collect.episodes=1")
    stages("collect", *one)
    for name in ("train_vae", "encode", "train_mdnrnn"):
        outcome = stage(name, *one)
        assert outcome.code == 0, outcome.err
        assert ("only one episode" in outcome.out) is name.startswith("train"), name


@pytest.mark.slow
def test_controller_of_another_environment(stage, stages, finished, tmp_path):
    finished("train_controller", *BASE)
    other = ("experiment=tiny", "env=pendulum", "name=other")
    finished("train_mdnrnn", *other)
    stages("train_controller", *other)
    best = tmp_path / "runs/other/seed0/train_controller/checkpoints/best.pt"
    complains(stage("evaluate", *BASE, f"evaluate.checkpoint={best}"), "Pendulum-v1")
    complains(stage("evaluate", *BASE, "evaluate.checkpoint=/nowhere.pt"), "/nowhere.pt is missing")
    search = tmp_path / "runs/tiny/seed0/train_controller/checkpoints/last.pt"
    complains(stage("evaluate", *BASE, f"evaluate.checkpoint={search}"), "is a search")


@pytest.mark.slow
def test_controller_of_another_v(stage, stages, finished, tmp_path):
    finished("train_controller", *BASE)
    twin = (*BASE, "name=twin", "upstream=tiny")
    stages("train_vae encode train_mdnrnn train_controller", *twin)
    path = tmp_path / "runs/twin/seed0/train_controller/checkpoints/mean.pt"
    complains(stage("evaluate", *BASE, f"evaluate.checkpoint={path}"), "was evolved on", "twin")
    stages("evaluate", *twin, f"evaluate.checkpoint={path}")


def test_inputs_of_another_environment(stage, finished):
    finished("collect", *BASE)
    complains(stage("train_vae", "experiment=tiny", "env=pendulum"), "CartPole-v1", "Pendulum-v1")
    complains(stage("collect", "experiment=tiny", "env=pendulum"), "env.id=CartPole-v1")


def test_a_seed_is_a_number_and_an_upstream_a_run(stage):
    complains(stage("collect", *BASE, "seed=one"), "seed is", "one", "a whole number")
    complains(stage("train_vae", *BASE, "upstream=nothere"), "upstream=nothere", "no run")


def test_an_unknown_choice_says_which_there_are(stage):
    complains(stage("collect", "env=dodge"), "There is no env=dodge", "env=gym env.id", "cart_pole")
    complains(stage("collect", "experiment=tyny"), "did you mean experiment=tiny?", "--config-dir")
