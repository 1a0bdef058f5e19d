"""Train in rounds on the agent's own data.   python scripts/iterate.py experiment=car_racing"""

import sys
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from worldmodel.config import entry
from worldmodel.report.curves import try_to_plot
from worldmodel.report.tables import round_figures, rounds_table
from worldmodel.run.launch import run_stages
from worldmodel.run.log import Log
from worldmodel.run.registry import BEFORE, PIPELINE
from worldmodel.types import UserError


def main(cfg: DictConfig) -> None:
    """Each round collects with the agent of the one before and goes on from its V, M and C."""
    if not cfg.rounds:
        raise UserError("rounds is empty: give a list of overrides for each round.")
    given = [text for text in sys.argv[1:] if not text.startswith("name=")]
    names = [f"{cfg.name}/round{index}" for index in range(len(cfg.rounds))]
    roots = [Path(cfg.runs) / name / f"seed{cfg.seed}" for name in names]
    log = Log(Path(cfg.runs) / str(cfg.name) / "rounds" / f"seed{cfg.seed}", resume_step=-1)
    try:
        for index, name in enumerate(names):
            before = names[index - 1] if index else None
            overrides = [*overrides_of(cfg.rounds[index], given, before), f"name={name}"]
            left_out = set(OmegaConf.from_dotlist(list(cfg.rounds[index])).get("keep", []))
            if left_out - (set(PIPELINE) if index else set()):
                raise UserError(f"round {index} can't keep {sorted(left_out)}: from the second "
                                f"round on, keep some of {', '.join(PIPELINE)}.")  # fmt: skip
            if name != names[-1]:  # test episodes are for what is left in the end
                left_out.add("evaluate")
            run_stages([stage for stage in PIPELINE if stage not in left_out], overrides)
            log.scalars(index, {f"rounds/{k}": v for k, v in round_figures(roots[index]).items()})
            rounds_table([round_figures(root) for root in roots[: index + 1]])
            print(try_to_plot(Path(cfg.runs), str(cfg.name), cfg.seed))
    finally:
        log.close()


def overrides_of(own: Sequence[str], given: Sequence[str], before: str | None) -> list[str]:
    """A round's own overrides and those of the call, and the run before where there is one.

    What the call says of runs to go on from holds for the first round alone.
    """
    if before is None:
        return [*own, *given]
    chain = [f"{key}={before}" for key in BEFORE]
    elsewhere = tuple(f"{key}=" for key in BEFORE)
    return [*chain, *own, *(text for text in given if not text.startswith(elsewhere))]


if __name__ == "__main__":
    entry("iterate", main)()
