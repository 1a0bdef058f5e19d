"""What a page is told of an agent."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from worldmodel.dream.places import FILE, STAGE, Places
from worldmodel.page.starts import REEL, Reel
from worldmodel.run.layout import read_done
from worldmodel.trained import TrainedAgent
from worldmodel.types import EnvSpec, FloatArray, UserError

# What the numbers of an action do, by the environment's id.
NAMES = {
    "CarRacing-v3": ("steer", "gas", "brake"),
    "DoomTakeCover-v0": ("left or right",),
    "CartPole-v1": ("left", "right"),
    "Acrobot-v1": ("-1", "0", "+1"),
    "MountainCar-v0": ("left", "nothing", "right"),
    "Pendulum-v1": ("torque",),
}
CONSTANT = 0.01  # least spread: of a latent that never changes


def read_page(agent: TrainedAgent) -> tuple[Places, Reel | None]:
    """The places and the reel that were exported with an agent.

    Raises:
        UserError: if they are not there, or are broken.
    """
    folder = agent.origin.stage(STAGE)
    if not (folder / FILE).exists():
        raise UserError(
            f"{folder / FILE} is missing: export the agent first, `worldmodel export "
            f"name={agent.origin.name}`."
        )
    places = Places.read(folder / FILE, agent.vae.config.z_dim, agent.mdnrnn.config.hidden)
    return places, Reel.read(folder / REEL) if (folder / REEL).exists() else None


def describe(
    agent: TrainedAgent, places: Places, reel: Reel | None, *, engine: str, real: bool
) -> dict[str, Any]:
    """The `about` of the page's messages; see README.md."""
    m, spec, dream = agent.mdnrnn, agent.policy.spec, agent.dream_config()
    spread = _spread(places, reel)
    done = read_done(agent.origin.stage("train_mdnrnn"))
    figures: Mapping[str, Any] = done["figures"] if done is not None else {}
    return {
        "name": name_of(agent),
        "env": spec.id,
        "fps": spec.steps_per_second,
        "z_dim": m.z_dim,
        "hidden": m.config.hidden,
        "components": m.config.components,
        "actions": _actions(spec),
        "dream": {
            "temperature": dream.temperature,
            "end": dream.end if m.config.end_head else "never",
            "end_threshold": dream.end_threshold,
            "max_steps": -(-dream.max_steps // spec.frame_skip),
            "step_reward": dream.step_reward,
        },
        "starts": len(places),
        "reel": 0 if reel is None else len(reel),
        "latents": [int(latent) for latent in np.argsort(-spread, kind="stable")],
        "spread": [float(value) for value in spread],
        "train_nats": figures.get("nats_per_dim"),
        "real": real,
        "engine": engine,
    }


def name_of(agent: TrainedAgent) -> str:
    """What the page calls an agent."""
    return agent.origin.name.removeprefix("pretrained/")


def models(agent: TrainedAgent) -> dict[str, Any]:
    """What the worker needs to know of M and C beside their weights."""
    spec, controller = agent.policy.spec, agent.policy.config
    return {
        "frame_skip": spec.frame_skip,
        "mdnrnn": asdict(agent.mdnrnn.config) | {"z_dim": agent.mdnrnn.z_dim},
        "controller": {
            "inputs": list(controller.inputs),
            "bias": controller.bias,
            "hidden_units": controller.hidden_units,
            "actions": spec.action_dim,
            "discrete": spec.discrete,
            "low": _listed(spec.action_low),
            "high": _listed(spec.action_high),
            "clips": list(spec.clips),
            "reach": list(spec.reach),
        },
    }


def _actions(spec: EnvSpec) -> dict[str, Any]:
    names = NAMES.get(spec.id)
    return {
        "discrete": spec.n_actions,
        "low": _listed(spec.action_low),
        "high": _listed(spec.action_high),
        "reach": list(spec.reach),
        "names": list(names) if names is not None and len(names) == spec.action_dim else None,
    }


def _listed(values: Sequence[float] | None) -> list[float] | None:
    return None if values is None else list(values)


def _spread(places: Places, reel: Reel | None) -> FloatArray:
    seen = places.z.numpy() if reel is None else np.concatenate([places.z.numpy(), reel.mu])
    return np.maximum(seen.std(0), CONSTANT)
