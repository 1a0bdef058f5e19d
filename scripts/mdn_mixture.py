"""Plot a mixture of two Gaussians.   python scripts/mdn_mixture.py"""

from omegaconf import DictConfig

from worldmodel.config import build, stage
from worldmodel.demos.mixture_study import study
from worldmodel.run.run import Run


@stage("mdn_mixture")
def main(cfg: DictConfig, run: Run) -> None:
    """Compute the mixture's figures, draw from it, and plot both."""
    run.finish(study(build(cfg.mixture), run))


if __name__ == "__main__":
    main()
