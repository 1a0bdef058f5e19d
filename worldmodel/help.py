"""What --help says: the commands, and the keys of one with the words that stand in the YAML."""

import ast
import re
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from worldmodel.compose import Sources, compose_plain, sources
from worldmodel.run.launch import spoken
from worldmodel.run.layout import CONF, SCRIPTS
from worldmodel.run.registry import PIPELINE, STAGES
from worldmodel.run.shipped import shipped_agents

# Scripts of an older name, which are no command of their own.
HIDDEN = ("ship",)
# Keys of every run, whatever the stage.
EVERYWHERE = ("runs", "name", "seed", "device", "upstream", "start")
# Parts of the configuration beside those that a stage's results depend on.
ALSO = {
    "collect": ("infer", "backend"),
    "train_controller": ("backend",),
    "evaluate": ("backend",),
    "import": ("env",),
    "compare_noise": ("backend", "compare"),
    "measure_noise": ("backend",),
    "play_dream": ("backend", "play"),
    "read_state": (),
    "train_sequence": ("strokes", "touches", "reader_fit"),
    "draw": (
        "text",
        "lines",
        "style",
        "count",
        "rows",
        "columns",
        "begun",
        "call",
        "share",
        "seconds",
        "temperature",
        "bias",
        "temperatures",
        "mixture_temperature",
        "scale_temperature",
        "animate",
    ),
    "page": ("agent", "modules", "page"),
    "benchmark": ("env", "vae", "mdnrnn", "controller"),
}
# Commands that call stages, whose keys they take as well.
CALLS = {
    "pipeline": tuple(PIPELINE),
    "iterate": tuple(PIPELINE),
    "sweep_ablation": ("train_mdnrnn", "train_controller", "evaluate"),
    "sweep_temperature": ("train_controller", "evaluate"),
}
# What repeats keys that stand elsewhere.
REPEATED = ("draw", "system.strokes", "system.touches", "system.reader.fit")
OPTIONS = """\
  -m, --multirun    key=1,2,3 stands for one run each, one after the other
  --config-dir DIR  a folder with YAML of your own, laid out as conf/ is
  --cfg job         print the configuration and stop
  -h, --help        this text, for the choices of this call"""


@lru_cache(maxsize=1)
def commands() -> dict[str, str]:
    """Every command with the first sentence of its script; the stages of a pipeline come first."""
    found = {}
    names = [path.stem for path in sorted(SCRIPTS.glob("*.py")) if path.stem not in HIDDEN]
    for name in sorted(names, key=lambda name: (*PIPELINE, name).index(name)):
        text = ast.get_docstring(ast.parse((SCRIPTS / f"{name}.py").read_text())) or ""
        found[name] = text.splitlines()[0].split("   ")[0]
    return found


def overview() -> str:
    """The commands with a line each."""
    width = max(map(len, commands()))
    lines = [f"  {name.ljust(width)}  {text}" for name, text in commands().items()]
    stages, others = lines[: len(PIPELINE)], lines[len(PIPELINE) :]
    return "\n".join(
        [
            "worldmodel <command> [key=value …]",
            "",
            "Stages, in the order of `pipeline`:",
            *stages,
            "",
            "Other commands:",
            *others,
            "",
            "`worldmodel <command> --help` lists the keys of a command. The same command goes on",
            "with an interrupted run; a finished stage says so and stops.",
            "",
            f"agent=<name> plays a trained agent ({', '.join(shipped_agents())}, or one of yours).",
        ]
    )


def command_help(command: str, overrides: Sequence[str], config_dir: Path | None) -> str:
    """What a command does, and its keys: their values after these overrides, and a word each."""
    config = compose_plain(command, overrides, config_dir)
    made_of = sources(command, overrides, config_dir)
    lead, own = _lead(command), _sections(command, config)
    # A choice that says nothing of a key leaves that to the group's default choice.
    words = _words(sources(command, ())) | _words(made_of)
    others = [name for name in config if name not in own and isinstance(config[name], dict)]
    rest = f"Keys of other stages are accepted too: {', '.join(others)}." if others else ""
    if command in CALLS:
        called = ", ".join(f"`{spoken(stage)} --help`" for stage in CALLS[command])
        rest = f"It takes all keys of the stages that it calls, see {called}."
    return "\n".join(
        [
            f"{spoken(command)} [key=value …] [options]",
            "",
            *lead,
            "",
            *_groups(made_of, own),
            *_keys(config, made_of, words, own),
            *_agent(command),
            *textwrap.wrap(rest, _width(), break_on_hyphens=False, break_long_words=False),
            "",
            "Options:",
            OPTIONS,
        ]
    )


def _agent(command: str) -> list[str]:
    if command not in ("evaluate", "play_dream"):
        return []
    agents = ", ".join(shipped_agents())
    return [f"agent=<name>  in place of env, experiment and name: {agents}, or an exported one", ""]


def comments(text: str) -> dict[str, str]:
    """The comment of every key of a YAML text: behind it, or in the lines above it."""
    found: dict[str, str] = {}
    parents: list[tuple[int, str]] = []
    above: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            above.append(line.strip().lstrip("# "))
            continue
        match = re.match(r"( *)([^\s#:\-][^:]*):(?:\s|$)(.*)", line)
        if match:
            indent, key = len(match[1]), match[2]
            parents = [*(parent for parent in parents if parent[0] < indent), (indent, key)]
            behind = re.search(r"(?:^|\s)# (.*)$", match[3])
            words = behind[1] if behind else " ".join(above)
            # What stands above the first key is of the whole file.
            if words and (behind or found or indent):
                found[".".join(name for _, name in parents)] = words
        above = []
    return found


def title(text: str) -> str:
    """The comment at the top of a YAML text, up to an empty line; "" where there is none."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#") or line == "#":
            break
        if not line.startswith("# @package"):
            lines.append(line.lstrip("# "))
    return " ".join(lines)


def _lead(command: str) -> list[str]:
    """What the command does, and examples, from the head of its YAML."""
    lines = []
    for line in (CONF / f"{command}.yaml").read_text().splitlines():
        if not line.startswith("#"):
            break
        text = line.removeprefix("#").removeprefix(" ")
        lines.append(re.sub(r"python scripts/(\w+)\.py", lambda found: spoken(found[1]), text))
    return lines


def _sections(command: str, config: Mapping[str, Any]) -> list[str]:
    """The parts of the configuration that a command reads, in the order of the configuration."""
    named = {command, *ALSO.get(command, ())}
    if command in STAGES:
        stage = STAGES[command]
        named |= {key.partition(".")[0] for key in (*stage.keys, *stage.extendable)}
    else:
        named |= set(comments((CONF / f"{command}.yaml").read_text()))
        named |= set(re.findall(r"^(\w+):", (CONF / f"{command}.yaml").read_text(), re.M))
    named -= {*EVERYWHERE, *REPEATED}
    return [name for name in config if name in named]


def _groups(made_of: Sources, sections: Sequence[str]) -> list[str]:
    """The choices of the groups that fill these sections, with the chosen one in brackets."""
    lines = []
    for group, chosen in made_of.choices.items():
        name, _, package = group.partition("@")
        if (package or name).partition(".")[0] not in (*sections, "experiment"):
            continue
        names = " ".join(f"[{option}]" if option == chosen else option
                         for option in made_of.options[group])  # fmt: skip
        lines += _wrapped(f"  {group}=", names)
    return (
        ["Groups, chosen by group=name; what holds now is in brackets:", *lines, ""]
        if lines
        else []
    )


def _keys(
    config: Mapping[str, Any],
    made_of: Sources,
    words: Mapping[str, str],
    sections: Sequence[str],
) -> list[str]:
    lines = ["Keys, set by key=value:"]
    for key in EVERYWHERE:
        if key in config:
            lines += _row(key, config[key], words)
    for key in sections:
        if not isinstance(config[key], dict):
            lines += _row(key, config[key], words)
    for section in (key for key in sections if isinstance(config[key], dict)):
        about = [title(path.read_text()) for path, package in made_of.files if package == section]
        head = f"{section}: {about[-1]}" if about and about[-1] else section
        lines += ["", *textwrap.wrap(head, _width())]
        for key, value in _leaves(section, config[section]):
            lines += _row(key, value, words)
    return [*lines, ""]


def _words(made_of: Sources) -> dict[str, str]:
    """The comment of every key; of several, that of the file that was merged first."""
    words: dict[str, str] = {}
    for path, package in made_of.files:
        prefix = f"{package}." if package else ""
        for key, text in comments(path.read_text()).items():
            words.setdefault(f"{prefix}{key}", text)
    return words


def _leaves(prefix: str, node: Any) -> Iterator[tuple[str, Any]]:
    if prefix in REPEATED:
        return
    if not isinstance(node, dict) or not node:
        yield prefix, node
        return
    for name, value in node.items():
        if name not in ("_target_", "_convert_"):
            yield from _leaves(f"{prefix}.{name}", value)


def word(key: str, words: Mapping[str, str]) -> str:
    """The comment of a key, or else of the nearest part of the configuration that it lies in."""
    while key and key not in words:
        key = key.rpartition(".")[0]
    return words.get(key, "")


def _row(key: str, value: Any, words: Mapping[str, str]) -> list[str]:
    shown = textwrap.shorten(f"{key}={_shown(value)}".replace(",", ", "), 76, placeholder=" …")
    shown = "  " + shown.replace(", ", ",")
    text = word(key, words)
    return _wrapped(f"{shown.ljust(42)}  " if text else shown, text)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_shown, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_shown(item)}" for key, item in value.items()) + "}"
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )


def _wrapped(start: str, text: str) -> list[str]:
    """`start` and `text` in lines of the terminal's width, the later ones below the text."""
    width = _width()
    if len(start) > width - 30:
        return [start.rstrip(), *_wrapped(" " * 44, text)] if text else [start]
    indent = " " * min(len(start), 44)
    return textwrap.wrap(
        text, width, initial_indent=start, subsequent_indent=indent, drop_whitespace=True,
        break_on_hyphens=False,
    ) or [start.rstrip()]  # fmt: skip


def _width() -> int:
    return max(80, min(shutil.get_terminal_size((100, 24)).columns, 120))
