"""Where things lie on disk: what belongs to the package, and what runs have left."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from worldmodel.run.json_file import damaged, read_json
from worldmodel.run.registry import BEFORE, PIPELINE

_PACKAGE = Path(__file__).resolve().parents[1]
# Installed, these three are folders of the package; in the checkout they lie beside it.
_INSTALLED = (_PACKAGE / "conf").is_dir()
CONF = _PACKAGE / "conf" if _INSTALLED else _PACKAGE.parent / "conf"
SCRIPTS = _PACKAGE / "scripts" if _INSTALLED else _PACKAGE.parent / "scripts"
# Agents that come with the package; they play as runs of the name pretrained/<agent>.
SHIPPED_AS = "pretrained"
# What a stage writes of itself; anything else in its folder is a result, finished or not.
RECORDS = ("config.json", "partial.json", "metrics.jsonl", "tb", "wandb", ".lock")
SHIPPED = _PACKAGE / "pretrained" if _INSTALLED else _PACKAGE.parent / "runs" / "pretrained"


def find_stage(runs: Path, name: str, seed: int, stage: str) -> Path:
    """Folder of a stage of the run `name`, or of the one upstream if it has none.

    What neither has may belong to an agent that comes with the package.
    """
    root = runs / name / f"seed{seed}"
    if (root / stage).exists():
        return root / stage
    for path in sorted(root.glob("*/config.json")):
        upstream = read_json(path).get("upstream")
        if upstream is not None and upstream != name:
            return find_stage(runs, str(upstream), seed, stage)
    return shipped_stage(name, seed, stage) or root / stage


def shipped_stage(name: str, seed: int, stage: str) -> Path | None:
    """Folder of a stage of the shipped agent that the run `name` plays, if it has one."""
    folder = shipped_folder(name)
    path = folder and folder / f"seed{seed}" / stage
    return path if path and path.exists() else None


def shipped_folder(name: str) -> Path | None:
    """Where the shipped agent lies that the run pretrained/<agent> plays; None of other runs."""
    first, _, agent = name.partition("/")
    return SHIPPED / agent if first == SHIPPED_AS and agent else None


def stage_records(runs: Path, name: str, seed: int) -> list[Path]:
    """The config.json of every stage of a run that has made something; the latest stage last."""
    paths = (runs / name / f"seed{seed}").glob("*/config.json")
    return sorted(
        (path for path in paths if any(part.name not in RECORDS for part in path.parent.iterdir())),
        key=lambda path: (*PIPELINE, path.parent.name).index(path.parent.name),
    )


def runs_before(runs: Path, name: str, seed: int) -> list[str]:
    """Names of the runs whose stages, weights or agents went into the run `name`, latest first."""
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        root = runs / waiting.pop(0) / f"seed{seed}"
        for path in sorted(root.glob("*/config.json")):
            config = read_json(path)
            for key in BEFORE:
                before = lookup(config, key)
                if before is not None and before != name and before not in found:
                    found[before] = None
                    waiting.append(before)
    return list(found)


def last_round(runs: Path, name: str, seed: int) -> str | None:
    """Name of the last round with a controller of a run that `iterate` made; None of other runs."""
    numbers = [
        int(path.parents[1].name.removeprefix("round"))
        for path in (runs / name).glob(f"round*/seed{seed}/train_controller")
        if path.parents[1].name.removeprefix("round").isdigit()
    ]
    return f"{name}/round{max(numbers)}" if numbers else None


def checkpoint_path(folder: Path, name: str = "best") -> Path:
    """A checkpoint in a stage's folder: "best" (what later stages use), "last" or "mean"."""
    return folder / "checkpoints" / f"{name}.pt"


def read_done(folder: Path) -> dict[str, Any] | None:
    """What a finished stage left in its DONE file; None if it did not finish.

    Raises:
        UserError: if the file is damaged.
    """
    path = folder / "DONE"
    if not path.exists():
        return None
    done = read_json(path)
    for key, kind in (("id", str), ("inputs", dict), ("grows", dict), ("figures", dict)):
        if not isinstance(done.get(key), kind):
            raise damaged(path, f"it lacks {key}")
    return done


def lookup(config: Mapping[str, Any], key: str) -> Any:
    """Value of a dotted key of a configuration; None where there is none."""
    value: Any = config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def install_command(extra: str) -> str:
    """What installs an extra of pyproject.toml, as this copy of the package was installed."""
    return f"pip install 'worldmodel[{extra}]'" if _INSTALLED else f"pip install -e '.[{extra}]'"
