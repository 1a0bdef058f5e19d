"""A trained agent as small files that the stages accept as they accept a run's own."""

from pathlib import Path
from typing import Any

from worldmodel.run import checkpoint
from worldmodel.run.json_file import read_json
from worldmodel.run.layout import (
    checkpoint_path,
    find_stage,
    last_round,
    read_done,
    runs_before,
    shipped_folder,
)
from worldmodel.types import UserError

# The stages whose best checkpoint an agent consists of, and what each keeps of it.
AGENT = {
    "train_vae": ("about", "weights"),
    "train_mdnrnn": ("about", "weights"),
    "train_controller": ("about", "params", "generation", "selection_score"),
}
SEQUENCE = "train_sequence"
EXAMPLES = "examples.npz"  # what a sequence model keeps of its test split
CARD = ("minutes", "peak_memory_gb", "hardware", "figures")


def export(runs: Path, name: str, seed: int, target: Path, overrides: list[str]) -> int:
    """Write V, M and C of the run `name`, or of its upstream, to `target`, in half precision.

    `target` gets agent.json, with the overrides that the agent needs and what every stage of the
    run, and of all runs that went into it, took and scored; and a folder seed<k> with the three
    stages, so that `upstream=`, `start=` and `agent=` find them.

    Returns:
        Bytes written.

    Raises:
        UserError: if a stage is not finished.
    """
    found = {stage: find_stage(runs, name, seed, stage) for stage in (*AGENT, "evaluate")}
    missing = [stage for stage, folder in found.items() if read_done(folder) is None]
    rounds = last_round(runs, name, seed)
    if missing and rounds is not None:
        raise UserError(f"The run {name} has rounds: give name={rounds} for the last of them.")
    if missing:
        raise UserError(
            f"{runs / name / f'seed{seed}'} has not finished {', '.join(missing)}: run the "
            "pipeline first."
        )
    card: dict[str, Any] = {"overrides": overrides, "stages": _costs(runs, name, seed)}
    before = runs_before(runs, name, seed)
    if before:
        card["before"] = {other: _costs(runs, other, seed) for other in before}
    written = 0
    for stage, keys in AGENT.items():
        saved = checkpoint.load(checkpoint_path(found[stage]))
        path = checkpoint_path(target / f"seed{seed}" / stage).with_suffix(".safetensors")
        checkpoint.save_safetensors(path, {key: saved[key] for key in keys})
        done = read_done(found[stage])
        assert done is not None
        checkpoint.save_json(target / f"seed{seed}" / stage / "DONE", done)
        written += path.stat().st_size
    checkpoint.save_json(target / "agent.json", card)
    return written


def export_sequence(runs: Path, name: str, seed: int, target: Path) -> int:
    """Write the model of a finished `train_sequence` to `target`, in half precision.

    With the examples that were kept beside it and the record of what it took and came to, so that
    `draw run=<name>`, with the same seed, finds it.

    Returns:
        Bytes written.

    Raises:
        UserError: if it is not finished.
    """
    folder = runs / name / f"seed{seed}" / SEQUENCE
    done = read_done(folder)
    if done is None:
        raise UserError(f"{folder} is not finished: run `worldmodel train_sequence` first.")
    saved = checkpoint.load(checkpoint_path(folder), ("about", "weights"))
    to = target / f"seed{seed}" / SEQUENCE
    path = checkpoint_path(to).with_suffix(".safetensors")
    checkpoint.save_safetensors(path, {key: saved[key] for key in ("about", "weights")})
    written = path.stat().st_size
    if (folder / EXAMPLES).exists():
        examples = (folder / EXAMPLES).read_bytes()
        with checkpoint.atomic(to / EXAMPLES) as file:
            file.write(examples)
        written += len(examples)
    checkpoint.save_json(to / "DONE", done)
    return written


def _costs(runs: Path, name: str, seed: int) -> dict[str, Any]:
    """What every finished stage of one run took, gave, and was made by."""
    for folder in (runs / name, shipped_folder(name)):
        # An agent's file holds more than the files of an exported run.
        if folder is not None and (folder / "agent.json").exists():
            return read_json(folder / "agent.json").get("stages", {})
    root = runs / name / f"seed{seed}"
    costs: dict[str, Any] = {}
    for folder in sorted(root.glob("*/")):  # none if the run was deleted since
        done = read_done(folder)
        if done is not None:
            made_by = read_json(folder / "config.json").get("commit")
            costs[folder.name] = {key: done[key] for key in CARD} | {"commit": made_by}
    return costs
