"""Learn an inverse sine: mixture against regression.   python scripts/mdn_inverse_sine.py"""

from omegaconf import DictConfig

from worldmodel.config import build, stage
from worldmodel.demos.inverse_sine_peers import compare
from worldmodel.demos.inverse_sine_study import study
from worldmodel.run.run import Run


@stage("mdn_inverse_sine")
def main(cfg: DictConfig, run: Run) -> None:
    """Train every net on every seed, test on fresh rows, and plot the median ones."""
    recipes = {str(name): build(recipe) for name, recipe in cfg.recipes.items()}
    config = build(cfg.inverse_sine)
    if config.peers:
        run.finish(compare(config, recipes["adam"], run, cfg.device))
    else:
        run.finish(study(config, recipes, run, cfg.device))


if __name__ == "__main__":
    main()
