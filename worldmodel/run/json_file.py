"""JSON objects read from disk, where anything may have happened to them."""

import json
from pathlib import Path
from typing import Any

from worldmodel.types import UserError

# What helps where a file can't simply be made again by the command of its folder's name.
MEND = {"agent.json": "export the agent again"}


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        UserError: if it can't be read, or holds something else.
    """
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, _why(error)) from error
    if not isinstance(found, dict):
        raise damaged(path, f"it holds a {type(found).__name__}, not an object")
    return found


def damaged(path: Path, why: str) -> UserError:
    """What to say of a file that does not hold what it should."""
    again = f"delete it and run {path.parent.name} again with the same overrides"
    return UserError(f"{path} is damaged ({why}): {MEND.get(path.name, again)}.")


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error) or type(error).__name__
