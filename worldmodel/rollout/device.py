"""Which device "auto" means."""

import torch

from worldmodel.types import UserError


def pick_device(device: str) -> str:
    """ "auto" is the GPU where there is one, else the CPU; anything else is taken by its word.

    Raises:
        UserError: if a GPU is asked for and there is none.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device not in ("cpu", "cuda"):
        raise UserError(f"device is {device}: use auto, cpu or cuda.")
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("device=cuda, but torch finds no GPU here: use device=auto or device=cpu.")
    return device
