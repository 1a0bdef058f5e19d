"""Values that a key does not take: refused in one sentence before anything is run."""

from copy import deepcopy

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from worldmodel import cli
from worldmodel.check import check_values, fits, whole_objects
from worldmodel.compose import ERRORS, compose
from worldmodel.config import build, to_plain
from worldmodel.faults.values import BAD, bad_overrides
from worldmodel.run.log import check_logger
from worldmodel.run.place import check_place
from worldmodel.settle import check_id
from worldmodel.types import UserError

TINY = ("experiment=tiny", "env=cart_pole")


def check_and_build(config: DictConfig) -> None:
    check_values(config)
    build(config.env.explorer)


def test_there_are_enough_of_them():
    assert len(bad_overrides()) >= 150


@pytest.mark.slow
def test_values_that_keys_do_not_take():
    """As a command checks them, on one composed configuration."""
    whole, parser, accepted = compose("collect", TINY), OverridesParser.create(), []
    for text in bad_overrides():
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
