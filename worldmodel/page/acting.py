"""What is done and what is seen: C's action and a visitor's, and frames as a page draws them."""

import numpy as np
import torch
from torch import Tensor

from worldmodel.agent.agent import Agent
from worldmodel.mdn import State
from worldmodel.models.pictures import decode
from worldmodel.models.vae import VAE
from worldmodel.page.fields import Vector
from worldmodel.types import EnvSpec, Frames

TOGETHER = 128  # frames that V decodes at once: bounds the memory of a long answer
OPAQUE = 255
VISITORS_OWN = 0.5  # share from which a discrete action is the visitor's


def act(agent: Agent, z: Tensor, state: State) -> Tensor:
    """C's actions (B, A) at latents (B, Z), with M's state before it has seen them."""
    features = agent.controller.features({"z": z, "h": state[0], "c": state[1]})
    params = torch.as_tensor(agent.policy.params)
    return agent.controller.act(params[None], features[None])[0]


def mixed(spec: EnvSpec, own: Tensor, given: Vector | None, share: float) -> Tensor:
    """The action (1, A) that is done: C's `own` (1, A) with a `share` of the visitor's in it."""
    if given is None:
        return own
    theirs = within_bounds(spec, torch.tensor([given]))
    if spec.discrete:
        return theirs if share >= VISITORS_OWN else own
    return (1 - share) * own + share * theirs


def within_bounds(spec: EnvSpec, action: Tensor) -> Tensor:
    """Actions (B, A), the continuous ones cut to what the environment takes."""
    if spec.discrete:
        return action
    return action.clamp(torch.tensor(spec.action_low), torch.tensor(spec.action_high))


def pictures(vae: VAE, z: Tensor) -> Frames:
    """RGBA frames (N, 64, 64, 4) of latents (N, Z)."""
    return rgba(np.concatenate([decode(vae, part) for part in z.split(TOGETHER)]))


def rgba(frames: Frames) -> Frames:
    """Frames (..., H, W, 3) with an opaque fourth channel."""
    alpha = np.full((*frames.shape[:-1], 1), OPAQUE, np.uint8)
    return np.concatenate([frames, alpha], -1)
