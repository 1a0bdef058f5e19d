"""Train in rounds on the agent's own data.   python scripts/iterate.py experiment=car_racing"""

from pathlib import Path

from omegaconf import DictConfig

from worldmodel.compose import check
from worldmodel.config import Call, entry, take_out
from worldmodel.stages.iterate import Round, iterate, overrides_of


@entry("iterate")
def main(cfg: DictConfig, call: Call) -> None:
    """Each round collects with the agent of the one before and goes on from its V, M and C."""
    rounds = [Round(*take_out("keep", overrides)) for overrides in cfg.rounds]
    for index, one in enumerate(rounds):
        check(f"round {index}", overrides_of(one.overrides, call.overrides, None))
    iterate(Path(cfg.runs), str(cfg.name), cfg.seed, rounds, call, cfg.logger)


if __name__ == "__main__":
    main()
