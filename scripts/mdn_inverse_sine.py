"""Learn an inverse sine: mixture against regression.   python scripts/mdn_inverse_sine.py"""

from omegaconf import DictConfig

from worldmodel.config import build, stage
from worldmodel.demos.inverse_sine_study import study
from worldmodel.run.run import Run


@stage("mdn_inverse_sine")
def main(cfg: DictConfig, run: Run) -> None:
    """Train every net on every seed, test on fresh rows, and plot the median ones."""
    recipes = {str(name): build(recipe) for name, recipe in cfg.recipes.items()}
    run.finish(study(build(cfg.inverse_sine), recipes, run, cfg.device))


if __name__ == "__main__":
    main()
