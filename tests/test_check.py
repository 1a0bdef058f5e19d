"""Values that a key does not take: refused in one sentence before anything is run."""

from copy import deepcopy

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from worldmodel import cli
from worldmodel.check import check_values, fits, whole_objects
from worldmodel.compose import ERRORS, compose
from worldmodel.config import build, to_plain
from worldmodel.run.log import check_logger
from worldmodel.run.place import check_place
from worldmodel.settle import check_id
from worldmodel.types import UserError

TINY = ("experiment=tiny", "env=cart_pole")
COUNT = ("0", "-1", "0.5", "many", "true", "nan", "[1]")
NUMBER = ("nan", "inf", "-inf", "many", "true", "[1]")
BAD = {
    "seed": ("0.5", "-1", "abc", "true", "null", "nan"),
    "name": ("../../x", "/x", "''", "null", "[a]", "."),
    "runs": ("null", "5"),
    "device": ("tpu", "5"),
    "logger": ("paper",),
    "upstream": ("[a]", "{a:1}"),
    "collect.episodes": COUNT,
    "collect.frames": ("0", "-1", "many", "1.5"),
    "collect.explorer_share": (*NUMBER, "-0.1", "1.1"),
    "collect.agent_noise": (*NUMBER, "-1"),
    "env.frame_skip": ("0", "-1", "1000000", "1.5", "many"),
    "env.max_episode_steps": ("0", "-1", "1.5", "many"),
    "env.crop_rows": ("[0.5,100]", "[5]", "[9,3]", "[-1,3]", "5", "[a,b]"),
    "env.obs": ("picture", "5"),
    "env.size": ("0", "many", "1.5"),
    "env.id": ("5", "null"),
    "env.kwargs": ("5", "[a]"),
    "vae.z_dim": COUNT,
    "vae.free_bits": (*NUMBER, "-1"),
    "train_vae.fit.learning_rate": (*NUMBER, "0", "-1"),
    "train_vae.fit.steps": COUNT,
    "train_vae.fit.clip_value": (*NUMBER, "0", "-1"),
    "train_vae.fit.precision": ("fp8", "8"),
    "train_vae.frames.holdout_fraction": (*NUMBER, "0", "1"),
    "encode.batch_size": ("abc", "1.5", "[1]"),
    "train_mdnrnn.baseline": ("no_thanks", "5", "[1]"),
    "train_mdnrnn.windows.length": ("1", "many", "2.5"),
    "mdnrnn.components": COUNT,
    "mdnrnn.factorization": ("none", "5"),
    "mdnrnn.log_sigma_min": (*NUMBER, "1"),
    "world.kind": ("imagined", "5"),
    "evolve.generations": COUNT,
    "evolve.max_minutes": (*NUMBER, "-1"),
    "evolve.reliability": (*NUMBER, "0", "1"),
    "evolve.cma.popsize": (*COUNT, "1"),
    "evolve.cma.sigma": (*NUMBER, "0", "-1", "1e300"),
    "backend.workers": ("-2", "many", "1.5"),
    "evaluate.episodes": COUNT,
    "evaluate.vector": ("quick", "5"),
    "evaluate.videos": ("maybe", "5"),
}


def check_and_build(config: DictConfig) -> None:
    check_values(config)
    build(config.env.explorer)


def overrides() -> list[str]:
    return [f"{key}={value}" for key, values in BAD.items() for value in values]


def test_there_are_enough_of_them():
    assert len(overrides()) >= 150


def test_values_that_keys_do_not_take():
    """As a command checks them, on one composed configuration."""
    whole, parser, accepted = compose("collect", TINY), OverridesParser.create(), []
    for text in overrides():
        config = deepcopy(whole)
        value = parser.parse_override(text).value()
        try:
            OmegaConf.update(config, text.partition("=")[0], value, force_add=True)
            check_values(config)
            for node in whole_objects(config):
                build(node)
            check_place(to_plain(config))
            check_logger(config.logger)
            check_id(config)
        except (UserError, *ERRORS):
            continue
        accepted.append(text)
    assert accepted == []


@pytest.mark.parametrize("text", [f"{key}={values[0]}" for key, values in BAD.items()][::3])
def test_a_command_refuses_it_in_one_sentence(text, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        cli.main(["collect", *TINY, text])
    lines = capfd.readouterr().err.strip().splitlines()
    assert stop.value.code == 1, lines
    assert len(lines) == 1, lines
    key = text.partition("=")[0]
    assert key.rpartition(".")[2] in lines[0], lines
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [("dream", "world.config.temperature", value) for value in ("nan", "inf", "-1", "warm")]
    + [("dream", "world.config.end", "never"), ("dream", "world.members", "[5]"),
       ("hybrid", "world.hybrid.memory", "1"), ("real_cut", "world.config.max_steps", "0")],
)  # fmt: skip
def test_so_it_is_with_worlds(kind, key, value, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        cli.main(["train_controller", *TINY, f"world={kind}", f"{key}={value}"])
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert key.rpartition(".")[2] in line


@pytest.mark.parametrize("rounds", ["5", "[5]", "[[5]]", "many"])
def test_rounds_are_lists_of_overrides(rounds, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        cli.main(["iterate", *TINY, f"rounds={rounds}"])
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert "rounds" in line


@pytest.mark.parametrize(
    "explorer",
    ["OrnsteinUhlenbeck, theta: [.nan], sigma: [1], mean: [0], dt: 1",
     "Brownian, dt: .inf",
     "ActionRepeat, low: 1, high: 2, explorer: null"],
)  # fmt: skip
def test_an_explorer_whose_numbers_are_none(explorer):
    text = f"{{_target_: worldmodel.envs.explore.{explorer}}}"
    config = OmegaConf.create({"env": {"explorer": OmegaConf.create(text)}})
    with pytest.raises(UserError, match="explorer"):
        check_and_build(config)


@pytest.mark.parametrize(
    "command",
    ["collect", "train_controller", "iterate", "evaluate", "play_dream", "compare_noise",
     "sweep_temperature"],
)  # fmt: skip
@pytest.mark.parametrize("given", [(), ("experiment=short", "env.id=CartPole-v1")])
def test_presets_hold_what_their_keys_take(command, given):
    check_values(compose(command, given))


@pytest.mark.parametrize(
    ("value", "wanted", "does"),
    [(1, int, True), (True, int, False), (1, float, True), (1.5, int, False), ("a", str, True),
     (None, int | None, True), ([1, 2], tuple[int, int], True), ([1], tuple[int, int], False),
     ([1, 2.5], tuple[int, ...], False), ({"a": 1}, dict[str, int], True), (5, dict, False)],
)  # fmt: skip
def test_what_fits(value, wanted, does):
    assert fits(value, wanted) is does
