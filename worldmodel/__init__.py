"""World Models (Ha & Schmidhuber 2018): learn an environment's dynamics, then act inside them.

Importing it lets gymnasium make the dream of a trained agent:
`gymnasium.make("worldmodel/Dream-v0", agent="take_cover")`.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import gymnasium

if TYPE_CHECKING:
    from worldmodel.trained import TrainedAgent

__version__ = "0.2.0"
__all__ = ["load"]

# How often torch's threads look whether there is work before they sleep. GNU OpenMP's own choice
# assumes that nothing else is running: they would take cores from whatever is, and from each other.
# Read when torch is loaded, so it is set before.
if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
    os.environ["GOMP_SPINCOUNT"] = "1000"
gymnasium.register("worldmodel/Dream-v0", entry_point="worldmodel.trained:make_dream")


def load(
    where: str | Path, *, seed: int = 0, checkpoint: str = "best", modules: Sequence[str] = ()
) -> "TrainedAgent":
    """An agent that has been trained: V, M and C, ready to act.

    Args:
        where: a shipped agent, such as "car_racing", or the folder of a run or of an exported
            agent, such as "runs/mine".
        seed: of the run.
        checkpoint: of its controller: "best", the one that was selected, or "mean", where the
            search is.
        modules: of your own, that the run's environment may import: a run's folder may be a
            stranger's, and names no code that is run unless you say so.

    Returns:
        The agent: `agent.act(obs)`, `agent.reset()`, `agent.make_env()`, `agent.dream()`.

    Raises:
        UserError: if there is no such run or agent, or one of its checkpoints is missing or broken.
    """
    from worldmodel.trained import load_agent  # not before: importing torch takes seconds

    return load_agent(where, seed, checkpoint, modules)
