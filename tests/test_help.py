"""What --help says: every key with a word, nothing of how objects are built."""

import re

import pytest

from worldmodel import cli
from worldmodel.help import command_help, commands, comments, title


def keys_of(text: str) -> dict[str, str]:
    """Keys that a help text shows, and the words beside each."""
    found, key = {}, ""
    for line in text[text.index("\nKeys, ") : text.index("\nOptions:")].splitlines():
        match = re.match(r"  ([\w.()-]+)=\S*\s*(.*)", line)
        if match:
            key = match[1]
            found[key] = match[2]
        elif line.startswith(" " * 44):
            found[key] += " " + line.strip()
    return found


@pytest.mark.parametrize("command", commands())
def test_every_key_has_a_word(command):
    text = command_help(command, (), None)
    keys = keys_of(text)
    assert {"runs", "seed", "device"} <= set(keys) or command == "table"
    assert not [key for key, words in keys.items() if not words.strip()]
    assert not re.search(r"_target_|_convert_|hydra", text)
    assert f"worldmodel {command}" in text
    assert max(map(len, text.splitlines())) <= 120


def test_a_stage_shows_its_own_sections_and_names_the_others(capsys):
    cli.main(["train_vae", "--help", "vae=tiny", "experiment=tiny"])
    text = capsys.readouterr().out
    keys = keys_of(text)
    assert {key.partition(".")[0] for key in keys} == {
        "runs", "name", "seed", "device", "upstream", "start", "vae", "train_vae"
    }  # fmt: skip
    assert "  vae=ha2018 moving moving_half moving_small [tiny]\n" in text
    assert "  train_vae.fit.steps=6 " in text, "values are those of this call"
    assert keys["train_vae.fit.steps"].startswith("updates")
    assert keys["vae.z_dim"] == "latents", (
        "from the default choice, since vae/tiny.yaml has no word"
    )
    assert "other stages are accepted too: env, mdnrnn," in text


def test_help_of_a_group_that_was_chosen(capsys):
    cli.main(["train_controller", "-h", "world=hybrid"])
    keys = keys_of(capsys.readouterr().out)
    assert "world.hybrid.real_rollouts" in keys
    assert keys["world.config.temperature"].strip()


def test_help_of_an_agent_and_of_the_users_own_yaml(capsys, tmp_path):
    cli.main(["evaluate", "agent=take_cover", "--help"])
    assert "  name=pretrained/take_cover " in capsys.readouterr().out
    (tmp_path / "vae").mkdir()
    (tmp_path / "vae" / "mine.yaml").write_text("# My V.\ndefaults: [tiny]\nz_dim: 5 # five\n")
    cli.main(["train_vae", "--config-dir", str(tmp_path), "vae=mine", "--help"])
    text = capsys.readouterr().out
    assert "  vae=ha2018 [mine] moving moving_half moving_small tiny\n" in text
    assert keys_of(text)["vae.z_dim"] == "five"
    assert "vae: My V." in text


def test_commands_that_call_stages_point_to_them(capsys):
    cli.main(["pipeline", "--help"])
    text = capsys.readouterr().out
    assert "`worldmodel collect --help`" in text
    assert "collect.episodes" not in text


def test_comments_of_a_yaml_text():
    text = (
        "# Of the file.\na: 1 # one\nb:\n  # above,\n  # in two lines\n  c: 'x' # sea\n"
        "  # alone\n  d: 2\n  p(-5): 3 # odd name\n  e:\n  - 1 # no key\nf: [a#b]\n"
    )
    assert comments(text) == {"a": "one", "b.c": "sea", "b.d": "alone", "b.p(-5)": "odd name"}
    assert title(text) == "Of the file."
    assert title("a: 1") == ""
