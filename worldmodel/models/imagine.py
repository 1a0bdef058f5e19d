"""Open-loop dreams: what M expects to see after a few real frames, given the real actions."""

import torch
from torch import Tensor

from worldmodel.models.mdnrnn import MDNRNN


@torch.inference_mode()
def imagine(
    mdnrnn: MDNRNN,
    z: Tensor,
    action: Tensor,
    context: int,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Continue latents by M alone after `context` real ones.

    Args:
        mdnrnn: M.
        z: real latents (B, T, Z); only the first `context` of them are shown to M.
        action: the actions that were taken, (B, T-1, A) or longer.
        context: number of real latents shown, at least 1.
        temperature: 0 takes the most likely next z, 1 samples as M believes.
        generator: source of the samples.

    Returns:
        Latents (B, T, Z): the real context, then the dream.
    """
    batch, steps, _ = z.shape
    state = mdnrnn.initial_state(batch, z.device)
    seen = [z[:, 0]]
    for t in range(steps - 1):
        state = mdnrnn.advance(seen[-1], action[:, t], state)
        if t + 1 < context:
            seen.append(z[:, t + 1])
        else:
            seen.append(
                mdnrnn.predict(state[0]).z.sample(temperature=temperature, generator=generator)
            )
    return torch.stack(seen, 1)


def open_loop_error(real: Tensor, dreamt: Tensor, context: int) -> Tensor:
    """Root mean squared error per dimension at each step of the horizon (T - context,)."""
    return (real - dreamt)[:, context:].square().mean((0, 2)).sqrt()
