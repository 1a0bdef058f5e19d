"""Sweeps: C evolved anew for every temperature of the dream, or for every ablation."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from worldmodel.report.tables import ablation_table, temperature_table
from worldmodel.run.launch import Call, run_stages
from worldmodel.types import UserError

# Of an ablation that overrides one of these, M is trained as well.
OF_M = ("train_mdnrnn.", "mdnrnn.", "mdnrnn=")


def sweep_temperatures(
    runs: Path, name: str, seed: int, temperatures: Sequence[float], call: Call
) -> None:
    """Evolve and evaluate C in dreams of each temperature, into <runs>/<name>/tau<temperature>."""
    given = _without(call.overrides, "name", "temperatures")
    kind = [] if any(text.startswith("world=") for text in given) else ["world=dream"]
    for tau in temperatures:
        own = [f"world.config.temperature={tau:g}", f"name={name}/tau{tau:g}", f"upstream={name}"]
        run_stages(("train_controller", "evaluate"), [*kind, *given, *own], call.options)
        temperature_table(runs / name, seed)


def sweep_ablations(
    runs: Path,
    name: str,
    seed: int,
    chosen: Sequence[str],
    ablations: Mapping[str, Sequence[str]],
    paper: Mapping[str, str],
    call: Call,
) -> None:
    """Evolve and evaluate C under each ablation that was chosen, into <runs>/<name>/<ablation>.

    Raises:
        UserError: for an ablation that does not exist.
    """
    for one in chosen:
        if one not in ablations:
            raise UserError(f"ablation is {one}: choose from {', '.join(ablations)}.")
    given = _without(call.overrides, "name", "ablation", "ablations", "paper")
    for one in chosen:
        stages = ["train_controller", "evaluate"]
        if any(text.lstrip("+~").startswith(OF_M) for text in ablations[one]):
            stages.insert(0, "train_mdnrnn")
        names = [f"name={name}/{one}", f"upstream={name}"]
        run_stages(stages, [*given, *ablations[one], *names], call.options)
        ablation_table(runs / name, seed, list(ablations), paper)


def _without(overrides: Sequence[str], *keys: str) -> list[str]:
    """Overrides of other keys than these."""
    return [text for text in overrides
            if text.lstrip("+~").partition("=")[0].partition(".")[0] not in keys]  # fmt: skip
