"""A trained agent as small files that the stages accept as they accept a run's own."""

import json
from pathlib import Path
from typing import Any

from worldmodel import checkpoint
from worldmodel.run import read_done
from worldmodel.types import UserError

# The stages whose best checkpoint an agent consists of, and what each keeps of it.
AGENT = {
    "train_vae": ("about", "weights"),
    "train_mdnrnn": ("about", "weights"),
    "train_controller": ("about", "params", "generation", "selection_score"),
}
TOLD = ("minutes", "peak_memory_gb", "hardware", "figures")


def ship(source: Path, target: Path, overrides: list[str]) -> int:
    """Write V, M and C of the run `source` (runs/<name>/seed<k>) to `target`, in half precision.

    `target` gets agent.json, with the overrides that the agent needs and what every stage took and
    scored, and a folder seed<k> with the three stages, so that `upstream=` and `run=` find them.

    Returns:
        Bytes written.

    Raises:
        UserError: if a stage of `source` is not finished.
    """
    done = {stage: read_done(source / stage) for stage in (*AGENT, "evaluate")}
    missing = [stage for stage, told in done.items() if told is None]
    if missing:
        raise UserError(f"{source} has not finished {', '.join(missing)}: run the pipeline first.")
    stages: dict[str, Any] = {}
    for folder in sorted(source.iterdir()):
        told = read_done(folder)
        if told is not None:
            made_by = json.loads((folder / "config.json").read_text())["commit"]
            stages[folder.name] = {key: told[key] for key in TOLD} | {"commit": made_by}
    written = 0
    for stage, keys in AGENT.items():
        saved = checkpoint.load(source / stage / "checkpoints" / "best.pt", made_by=stage)
        path = target / source.name / stage / "checkpoints" / "best.safetensors"
        checkpoint.save_light(path, {key: saved[key] for key in keys})
        checkpoint.save_json(target / source.name / stage / "DONE", done[stage])
        written += path.stat().st_size
    checkpoint.save_json(target / "agent.json", {"overrides": overrides, "stages": stages})
    return written
