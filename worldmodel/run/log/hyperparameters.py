"""Which keys of the configuration are worth a column beside the final score."""

from collections.abc import Mapping
from typing import Any

from worldmodel.run.layout import lookup
from worldmodel.run.log.tracker import Plain

# By stage, each with the type of its values; a run is identified by its environment and seed.
# Those of FIRST are the columns that TensorBoard shows without being asked.
FIRST = ("env.id", "mdnrnn.hidden", "seed", "vae.z_dim", "world.kind")
RUN: dict[str, type[Plain]] = {"env.id": str, "seed": float}
KEYS: dict[str, dict[str, type[Plain]]] = {
    "collect": {
        **RUN,
        "env.frame_skip": float,
        "collect.episodes": float,
    },
    "train_vae": {
        **RUN,
        "vae.z_dim": float,
        "vae.free_bits": float,
        "train_vae.fit.steps": float,
        "train_vae.fit.learning_rate": float,
        "train_vae.frames.batch_size": float,
    },
    "train_mdnrnn": {
        **RUN,
        "mdnrnn.hidden": float,
        "mdnrnn.components": float,
        "mdnrnn.factorization": str,
        "train_mdnrnn.fit.steps": float,
        "train_mdnrnn.fit.learning_rate": float,
        "train_mdnrnn.windows.length": float,
    },
    "train_controller": {
        **RUN,
        "controller.inputs": str,
        "world.kind": str,
        "world.config.temperature": float,
        "evolve.cma.popsize": float,
        "evolve.cma.sigma": float,
        "evolve.generations": float,
        "evolve.rollouts": float,
    },
    "evaluate": {**RUN, "evaluate.episodes": float},
}


def hyperparameters(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, Plain]:
    """Values by key, from the configuration that each of the stages was made with."""
    found: dict[str, Plain] = {}
    for stage, config in configs.items():
        for key, kind in KEYS.get(stage, {}).items():
            value = lookup(config, key)
            if isinstance(value, list):
                value = ", ".join(map(str, value))
            if value is not None:
                found[key] = kind(value)
    return found
