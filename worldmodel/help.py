"""What --help says."""

import ast
from functools import lru_cache

from worldmodel.run.launch import spoken
from worldmodel.run.layout import SCRIPTS

# Scripts of an older name, which are no command of their own.
HIDDEN = ("ship",)


@lru_cache(maxsize=1)
def commands() -> dict[str, str]:
    """Every command with the first line of its script's docstring."""
    found = {}
    for path in sorted(SCRIPTS.glob("*.py")):
        if path.stem not in HIDDEN:
            text = ast.get_docstring(ast.parse(path.read_text())) or ""
            found[path.stem] = text.splitlines()[0].split("   ")[0]
    return found


def overview() -> str:
    """The commands with a line each."""
    width = max(map(len, commands()))
    lines = [f"  {name.ljust(width)}  {text}" for name, text in commands().items()]
    return "\n".join(
        [
            "worldmodel <command> [key=value …]",
            "",
            *lines,
            "",
            f"`{spoken('<command>')} --help` lists the keys of a command.",
        ]
    )


def command_help(command: str, request: object) -> str:
    """The keys of a command."""
    return overview()
