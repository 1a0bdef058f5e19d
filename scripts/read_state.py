"""What V and M know of an environment's own state.   python scripts/read_state.py name=…"""

from omegaconf import DictConfig

from worldmodel.config import build, stage
from worldmodel.run.run import Run
from worldmodel.stages.read_state import read_state


@stage("read_state")
def main(cfg: DictConfig, run: Run) -> None:
    """Play episodes, and print how well z and [z, h] tell each number of the state."""
    run.finish(read_state(build(cfg.read), build(cfg.env), run))


if __name__ == "__main__":
    main()
