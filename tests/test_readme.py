"""What the README files say is what the repository holds."""

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.wrappers import TimeLimit
from hydra.errors import HydraException

from worldmodel.compose import as_list, current_overrides, jobs
from worldmodel.config import CONF, build, compose, with_agent
from worldmodel.data.episodes import EpisodeStore
from worldmodel.trained import TrainedAgent

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = [".", "conf", *(str(path.parent.relative_to(ROOT))
                          for room in ("runs/pretrained", "worldmodel")
                          for path in sorted((ROOT / room).glob("*/README.md")))]  # fmt: skip
PAGES = {f"{folder}/README.md": (ROOT / folder / "README.md").read_text() for folder in FOLDERS}
PAGES |= {name: (ROOT / name).read_text() for name in ("CONTRIBUTING.md", "CHANGELOG.md")}
NOW = {name: text for name, text in PAGES.items() if name != "CHANGELOG.md"}
PROGRAMS = ("worldmodel", "python", "python3", "pip", "source", "bash", "tensorboard", "ffmpeg")
COMMAND = r"(?:worldmodel \w+|python scripts/|bash (?:scripts/|\.ci/))"
# Keys that one command alone has; all others are composed with `pipeline`.
OWN_KEYS = {"benchmark": "benchmark", "rounds": "iterate", "play": "play_dream"}
# Of systems of pen and touch, some of which have a key that others lack.
SEQUENCE_KEYS = dict.fromkeys(("system", "strokes", "touches"), "train_sequence")
SEQUENCE_KEYS |= dict.fromkeys(("text", "style", "bias", "begun", "call"), "draw")
SYSTEMS = sorted(path.stem for path in (CONF / "system").glob("*.yaml"))
PARTS = ("env", "vae", "mdnrnn", "controller", "evolve", "evaluate", "backend")


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def lines(text: str) -> list[str]:
    found = [line.split("#")[0].strip() for block in blocks(text, "bash")
             for line in block.splitlines()]  # fmt: skip
    return [line for line in found if line]


def spans(text: str) -> list[str]:
    """Inline code, over as many lines as it takes."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]


def commands() -> list[str]:
    found = [line for text in NOW.values() for line in [*lines(text), *spans(text)]]
    return sorted({line for line in found if re.match(COMMAND, line) and "<" not in line})


def overrides() -> list[str]:
    """Inline code such as `world=hybrid evolve.rollouts=4`."""
    # In the library of mixtures these are arguments of Python functions.
    pages = [text for name, text in NOW.items() if not name.startswith("worldmodel/mdn")]
    found = {span for text in pages for span in spans(text)}
    whole = re.compile(r"(\+{0,2}[\w.]+=\S+\s?)+")
    return sorted(span for span in found if whole.fullmatch(span) and "<" not in span)


@cache
def builds(command: str, arguments: tuple[str, ...]) -> None:
    if command == "table":  # of runs, not a run itself; takes a list without -m
        compose(command, [as_list(text) for text in arguments])
        return
    if command in ("draw", "page"):  # have no run of their own
        compose(command, current_overrides(arguments)[0])
        return
    config = compose(command, ["name=readme", *with_agent(arguments)])
    for part in PARTS:
        if part in config and not (part == "env" and config.env.id is None):  # for any environment
            build(config[part])


@pytest.mark.parametrize("command", commands())
def test_commands_exist_and_compose(command, monkeypatch):
    monkeypatch.chdir(ROOT)
    program, name, *arguments = shlex.split(command)
    if program == "bash":
        assert (ROOT / name).exists()
        return
    name = Path(name).stem
    assert (ROOT / "scripts" / f"{name}.py").exists()
    plain = [text for text in arguments if not text.startswith("-")]
    for job in jobs(plain) if "-m" in arguments else [plain]:
        builds(name, tuple(job))


@pytest.mark.parametrize("span", overrides())
def test_overrides_in_the_text_compose_and_build(span):
    first = re.split(r"[.=]", span.lstrip("+"))[0]
    if first in SEQUENCE_KEYS:
        assert any(composes(SEQUENCE_KEYS[first], (f"system={system}", *shlex.split(span)))
                   for system in SYSTEMS)  # fmt: skip
        return
    if first in ("page", "agent", "systems"):  # of the page, whose agent may be the folder of a run
        builds("page", tuple(shlex.split(span)))
        return
    builds(OWN_KEYS.get(first, "pipeline"), ("experiment=quickstart", *shlex.split(span)))


def composes(command: str, arguments: tuple[str, ...]) -> bool:
    try:
        builds(command, arguments)
    except HydraException:
        return False
    return True


@pytest.mark.parametrize("page", NOW)
def test_every_line_of_a_shell_block_calls_something_known(page):
    for line in lines(NOW[page]):
        assert line.startswith((*PROGRAMS, ".venv/bin/")), line


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found.read_text()), target


def anchors(text: str) -> set[str]:
    """What a heading of Markdown can be linked by."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_first_page_is_short():
    assert len(PAGES["./README.md"].splitlines()) <= 150


def test_the_frames_way_is_short():
    page = PAGES["CONTRIBUTING.md"]
    (way,) = re.findall(r"## The frame's way.*?(?=\n\nIn a dream)", page, re.DOTALL)
    files = re.findall(r"\]\((worldmodel/\S+\.py)\)", way)
    assert len(files) == len(set(files)) <= 30
    assert f"{len(files)} in all" in way


def test_the_yaml_is_the_file():
    _, block = blocks(PAGES["conf/README.md"], "yaml")
    assert block == (CONF / "env" / "pendulum.yaml").read_text()


def test_the_catching_game_is_the_file():
    game, _ = blocks(PAGES["conf/README.md"], "python")
    assert game == (ROOT / "tests" / "catch.py").read_text()


def collect(folder, *arguments):
    """`worldmodel collect` as installed, called in this folder; workers are spawned."""
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from worldmodel.cli import main; "
        "main(sys.argv[1:])"
    )
    command = [sys.executable, "-P", "-c", program, "collect", "experiment=tiny",
               "backend=gymnasium", "backend.workers=1", *arguments]  # fmt: skip
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_first_page_shows_an_environment_that_plays(tmp_path):
    _, game = blocks(PAGES["./README.md"], "python")
    (tmp_path / "drop.py").write_text(game)
    said = collect(tmp_path, "env=gym", "env.id=drop:Drop-v0")
    assert "drop:Drop-v0: observed pictures, whole, frame skip 1" in said
    assert "done in" in said


@pytest.mark.slow
def test_an_environment_with_wrapper_explorer_and_settings_in_files_of_ones_own(tmp_path):
    game, extras = blocks(PAGES["conf/README.md"], "python")
    settings, _ = blocks(PAGES["conf/README.md"], "yaml")
    (tmp_path / "my/env").mkdir(parents=True)
    for name, text in (
        ("catch.py", game),
        ("extras.py", extras),
        ("my/env/dim_catch.yaml", settings),
    ):
        (tmp_path / name).write_text(text)
    collect(tmp_path, "--config-dir=my", "env=dim_catch", "name=settings")
    named = "env.modules=[catch]", "env.wrappers=[extras.Dim]"
    sweep = "env.explorer={_target_: extras.Sweep, hold: 8}"
    collect(tmp_path, "env=gym", "env.id=Catch-v0", *named, sweep)
    dark, same = (EpisodeStore.open(tmp_path / f"runs/{name}/seed0/collect/episodes").read(0)
                  for name in ("settings", "tiny"))  # fmt: skip
    assert dark.obs.max() == 255 // 2
    assert (dark.obs == same.obs).all()
    moves = dark.action.argmax(-1)
    assert set(moves) == {0, 2}
    assert (np.flatnonzero(np.diff(moves)) == [7, 15]).all()


@pytest.mark.parametrize("page", PAGES)
def test_nothing_was_left_to_fill_in(page):
    assert not re.search(r"@\w+@|\b(TODO|TBD)\b", PAGES[page])


def test_the_shipped_agents_have_cards():
    for path in sorted((ROOT / "runs" / "pretrained").glob("*/agent.json")):
        assert path.with_name("README.md").exists()


@pytest.mark.slow
def test_the_code_of_the_mixture_library_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, sequences, numbers, groups, start, export = blocks(
        PAGES["worldmodel/mdn/README.md"], "python"
    )
    names: dict[str, Any] = {}
    torch.manual_seed(0)
    exec(first, names)
    cost = names["nll"](names["net"](names["x"]), names["y"]).item()
    assert cost == pytest.approx(1.5, abs=0.15)
    exec(sequences, names)
    assert names["out"].drawn["move"].shape == (8, 40, 2)
    assert names["out"].drawn["pen"].shape == (8, 40)
    assert names["more"].drawn["move"].shape == (8, 40, 2)
    assert names["until"].length.max() < 400
    assert names["parts"]["total"].isfinite()
    exec(numbers, names)
    second = names["condition"](names["tilted"], [0], torch.tensor([3.0])).likeliest_mean
    assert second.item() == pytest.approx(1.0)
    exec(groups, names)
    assert torch.equal(names["again"].parts[0].linear.weight, names["head"].parts[0].linear.weight)
    *lines, last = start.strip().splitlines()
    torch.manual_seed(0)
    exec("\n".join([*lines, f"cost = {last}"]), names)
    assert names["cost"].item() == pytest.approx(8.4, abs=0.1)
    exec(export, names)
    assert names["move"].shape == (1, 2)


def test_doom_is_an_environment_of_gymnasium():
    pytest.importorskip("vizdoom")
    (code,) = blocks(PAGES["runs/pretrained/take_cover/README.md"], "python")
    names: dict[str, object] = {}
    exec(code, names)
    env = names["env"]
    assert env.observation_space.shape == (120, 160, 3)  # type: ignore[attr-defined]
    env.close()  # type: ignore[attr-defined]


def test_the_first_page_drives_a_shipped_agent(monkeypatch):
    make_env = TrainedAgent.make_env
    monkeypatch.setattr(TrainedAgent, "make_env", lambda agent: TimeLimit(make_env(agent), 4))
    code, _ = blocks(PAGES["./README.md"], "python")
    names: dict[str, object] = {}
    exec(code, names)
    assert names["truncated"]
    assert names["dream"].reset(seed=0)[0].shape == (32 + 2 * 256,)  # type: ignore[attr-defined]
