"""Checks of where a run lies, and that its inputs are of its environment."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from worldmodel.run.json_file import read_json
from worldmodel.run.layout import lookup
from worldmodel.types import UserError


def check_place(config: Mapping[str, Any]) -> None:
    """Refuse a run that would lie nowhere in particular, or outside of its folder of runs.

    Raises:
        UserError: naming the key: seed, name or runs.
    """
    seed, name, runs = config.get("seed"), config.get("name"), config.get("runs")
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise UserError(f"seed is {seed!r}: it must be a whole number, 0 or more.")
    if not isinstance(name, str | int | float) or not str(name).strip("/. "):
        raise UserError(f"name is {name!r}: give the run a name, such as name=mine.")
    path = Path(str(name))
    if path.is_absolute() or ".." in path.parts:
        raise UserError(f"name is {name}: it can't lead out of {runs}; set runs=… instead.")
    if not runs:
        raise UserError(f"runs is {runs!r}: it must be a folder, such as runs=runs.")


def check_environment(config: Mapping[str, Any], inputs: Iterable[Path]) -> None:
    """Refuse inputs of another environment, before sizes that do not fit tell less.

    Args:
        config: of this call.
        inputs: folders of the stages that it goes on from.

    Raises:
        UserError: naming both environments.
    """
    here = lookup(config, "env.id")
    for folder in inputs:
        path = folder / "config.json"
        there = lookup(read_json(path), "env.id") if path.exists() else None
        if None not in (here, there) and here != there:
            raise UserError(
                f"{folder} is of {there}, this call says {here}: repeat the env=… and experiment=… "
                "that it was made with."
            )
