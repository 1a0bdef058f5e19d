"""Every environment composes with every command, and every key reaches an object."""

import errno
import os
import sys
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from worldmodel.config import CONF, build, compose, entry, take_out, to_plain
from worldmodel.help import commands
from worldmodel.run.registry import PIPELINE
from worldmodel.settle import settle
from worldmodel.types import UserError

ALL_ROOTS = sorted(p.stem for p in CONF.glob("*.yaml") if p.stem not in ("base", "run"))
ALONE = ("faults", "table", "train_sequence", "draw", "page")  # what has no environment, nor models
ROOTS = [root for root in ALL_ROOTS if root not in ALONE and not root.startswith("mdn_")]
SCRIPTS = sorted(commands())
ENVS = sorted(p.stem for p in (CONF / "env").glob("*.yaml") if p.stem != "gym")
EXPERIMENTS = sorted(p.stem for p in (CONF / "experiment").glob("*.yaml"))


# These dream, whatever a preset says.
DREAMING = ("sweep_temperature", "compare_noise", "play_dream")


def composed(root, *overrides):
    return compose(root, [f"name={root}", *overrides])


def test_every_script_has_a_root():
    assert ALL_ROOTS == SCRIPTS


@pytest.mark.parametrize("root", ROOTS)
def test_a_root_adds_its_own_keys_and_changes_no_other(root):
    """So what composes with one of them does with all."""
    cfg = composed(root, "experiment=quickstart")
    assert not OmegaConf.missing_keys(cfg)
    own, shared = to_plain(cfg), to_plain(composed("pipeline", "experiment=quickstart"))
    assert root not in PIPELINE or own.keys() == shared.keys()
    if root in DREAMING:
        shared["world"] = to_plain(composed("pipeline", "world=dream"))["world"]
    assert {key: own[key] for key in shared} == shared | {"name": root}


@pytest.mark.parametrize("env", ENVS)
def test_every_env_builds(env):
    cfg = composed("pipeline", f"env={env}")
    config = build(cfg.env)
    assert config.id == cfg.env.id
    assert callable(config.explorer)


def settled(command: str, *overrides: str) -> DictConfig:
    """A composition; an experiment for any environment is given one, and what it leaves open."""
    cfg = composed(command, *overrides)
    if cfg.env.id is None:
        one = {"id": "CartPole-v1", "obs": "render", "crop": None, "frame_skip": 4}
        cfg.env.update(one | {"max_episode_steps": 500})
        settle(cfg, build)
    return cfg


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_builds(experiment):
    cfg = settled("pipeline", f"experiment={experiment}", f"name={experiment}")
    for node in (cfg.env, cfg.vae, cfg.mdnrnn, cfg.controller, cfg.evolve, cfg.backend,
                 cfg.world.config, cfg.train_vae.frames, cfg.train_vae.fit,
                 cfg.train_mdnrnn.windows, cfg.train_mdnrnn.fit):  # fmt: skip
        build(node)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_round_of_an_experiment_builds(experiment):
    for overrides in composed("iterate", f"experiment={experiment}").rounds:
        _, overrides = take_out("keep", overrides)
        cfg = settled("pipeline", f"experiment={experiment}", *overrides)
        for node in (cfg.vae, cfg.mdnrnn, cfg.controller, cfg.evolve, cfg.backend,
                     cfg.world.config, cfg.train_vae.fit, cfg.train_mdnrnn.fit):  # fmt: skip
            build(node)


@pytest.mark.parametrize("group", ["controller", "world", "backend", "vae", "mdnrnn", "evolve"])
def test_every_choice_of_a_group_builds(group):
    for choice in sorted((CONF / group).glob("*.yaml")):
        cfg = composed("pipeline", f"{group}={choice.stem}")
        build(cfg[group].config if group == "world" else cfg[group])


@pytest.mark.parametrize(
    ("root", "part", "key"),
    [
        ("train_vae", "train_vae.fit", "fit.steps"),
        ("evaluate", "evaluate", "evaluate.horizon"),
        ("evaluate", "evaluate", "evaluate.context"),
        ("collect", "backend", "backend.envs_per_worker"),
    ],
)
def test_values_are_checked_where_they_are_used(root, part, key):
    name = key.rsplit(".")[-1]
    with pytest.raises(UserError, match=rf"Config: .*{key} is 0"):
        build(OmegaConf.select(composed(root, f"{part}.{name}=0"), part))


def test_every_yaml_explains_itself():
    for path in Path(CONF).rglob("*.yaml"):
        lines = path.read_text().splitlines()
        root = path.parent == CONF
        assert root or any(line.startswith("# ") for line in lines[:2]), path


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_a_disk_that_refuses_is_one_sentence(code, monkeypatch, capfd):
    def body(cfg, call):
        raise OSError(code, os.strerror(code), "metrics.jsonl")

    monkeypatch.setattr(sys, "argv", ["collect.py", "name=x"])
    with pytest.raises(SystemExit) as stop:
        entry("collect")(body)()
    assert stop.value.code == 1
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert line.startswith(f"error: Could not use metrics.jsonl ({os.strerror(code)})")


def test_other_errors_of_the_system_keep_their_traceback(monkeypatch):
    def body(cfg, call):
        raise FileNotFoundError("a bug")

    monkeypatch.setattr(sys, "argv", ["collect.py", "name=x"])
    with pytest.raises(FileNotFoundError):
        entry("collect")(body)()


def test_a_wrapper_that_is_built_too_soon_is_told_how():
    early = "env.wrappers=[{_target_: gymnasium.wrappers.RecordEpisodeStatistics}]"
    with pytest.raises(UserError, match="needs _partial_: true beside its _target_"):
        build(composed("collect", early).env)
