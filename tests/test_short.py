"""experiment=short: the same preset for every environment, whatever the table says of it."""

import re
from pathlib import Path

import pytest

from worldmodel.compose import compose_plain

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "conf" / "README.md").read_text()
SECTION = PAGE.partition("## A quarter of an hour\n")[2].partition("\n## ")[0]
LINES = re.findall(r"^worldmodel iterate (experiment=short .*)$", SECTION, re.MULTILINE)
COMMANDS = [line.partition("#")[0].strip() for line in LINES]


def test_every_environment_of_the_table_has_its_command():
    assert len(COMMANDS) == 11
    for command in COMMANDS:
        assert re.fullmatch(r"experiment=short env\.id=\S+( env\.modules=\S+)?", command)


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_tuned_for_one_environment(command):
    plain = compose_plain("iterate", ["experiment=short", "env.id=CartPole-v1"])
    other = compose_plain("iterate", command.split())
    assert other["env"].pop("id") != plain["env"].pop("id") or "CartPole" in command
    other["env"].pop("modules")
    plain["env"].pop("modules")
    assert other.pop("name").startswith("short/")
    plain.pop("name")
    assert other == plain


@pytest.mark.parametrize("name", ["short", "medium"])
def test_later_rounds_leave_v_as_it_is(name):
    first, second, *later = compose_plain("iterate", [f"experiment={name}", "env.id=X-v0"])[
        "rounds"
    ]
    assert first == []
    assert not any(text.startswith("keep=") for text in second)
    assert later
    assert all("keep=[train_vae]" in overrides for overrides in later)
