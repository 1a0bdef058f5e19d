"""Rounds of a pipeline: each goes on from the V, M and C of the one before, on its data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from worldmodel.report.curves import try_to_plot
from worldmodel.report.tables import round_figures, rounds_table
from worldmodel.report.verdict import verdict
from worldmodel.run.launch import Call, run_stages
from worldmodel.run.log import Log, LogConfig
from worldmodel.run.registry import BEFORE, PIPELINE
from worldmodel.types import UserError


@dataclass(frozen=True)
class Round:
    """One round: the stages that it takes over from the round before, and its own overrides."""

    keep: tuple[str, ...]
    overrides: tuple[str, ...]


def iterate(
    runs: Path, name: str, seed: int, rounds: Sequence[Round], call: Call, logger: str
) -> None:
    """Run all rounds into <runs>/<name>/round<k>; tables and curves tell of all so far.

    Raises:
        UserError: if there are no rounds, or one keeps a stage that it can't.
    """
    if not rounds:
        raise UserError(
            "rounds is empty: give a list of overrides for each round, such as "
            "\"rounds=[[],['collect.episodes=20']]\"."
        )
    for index, one in enumerate(rounds):
        if set(one.keep) - (set(PIPELINE) if index else set()):
            raise UserError(
                f"round {index} can't keep {sorted(one.keep)}: from the second round on, keep some "
                f"of {', '.join(PIPELINE)}."
            )
    names = [f"{name}/round{index}" for index in range(len(rounds))]
    roots = [runs / one / f"seed{seed}" for one in names]
    config = LogConfig(logger, runs, f"{name}/seed{seed}", "rounds")
    log = Log(runs / name / "rounds" / f"seed{seed}", resume_step=-1, config=config)
    try:
        for index, one in enumerate(rounds):
            before = names[index - 1] if index else None
            overrides = overrides_of(one.overrides, call.overrides, before)
            left_out = set(one.keep)
            if index < len(rounds) - 1:  # test episodes are for what is left in the end
                left_out.add("evaluate")
            stages = [stage for stage in PIPELINE if stage not in left_out]
            run_stages(stages, [*overrides, f"name={names[index]}"], call.options)
            log.scalars(index, {f"rounds/{k}": v for k, v in round_figures(roots[index]).items()})
            rounds_table([round_figures(root) for root in roots[: index + 1]])
            print(try_to_plot(runs, name, seed))
        print(verdict(roots) or "")
    finally:
        log.close()


def overrides_of(own: Sequence[str], given: Sequence[str], before: str | None) -> list[str]:
    """A round's own overrides and those of the call, and the run before where there is one.

    What the call says of runs to go on from holds for the first round alone.
    """
    rest = [text for text in given if not text.startswith(("name=", "rounds="))]
    if before is None:
        return [*own, *rest]
    chain = [f"{key}={before}" for key in BEFORE]
    elsewhere = tuple(f"{key}=" for key in BEFORE)
    return [*chain, *own, *(text for text in rest if not text.startswith(elsewhere))]
