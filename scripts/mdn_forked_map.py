"""Choose among valid moves: an LSTM with a mixture.   python scripts/mdn_forked_map.py"""

from omegaconf import DictConfig

from worldmodel.config import build, stage
from worldmodel.demos.forked_map import ForkedMap
from worldmodel.demos.forked_map_study import study
from worldmodel.run.run import Run


@stage("mdn_forked_map")
def main(cfg: DictConfig, run: Run) -> None:
    """Train the walker with a mixture and with one Gaussian, against the exact entropy."""
    forked = ForkedMap(build(cfg.map))
    run.finish(study(forked, build(cfg.walker), build(cfg.fit), run, cfg.device))


if __name__ == "__main__":
    main()
