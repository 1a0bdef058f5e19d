"""What a head or a sequence model is made with, in plain types."""

from dataclasses import asdict
from typing import Any

from torch import nn

from .sigma import SIGMAS, SigmaMap

Config = dict[str, Any]
KIND = "kind"  # the name of the class


def config(model: object, **arguments: object) -> Config:
    """The class of a model and the arguments of its constructor."""
    return {KIND: type(model).__name__} | arguments


def config_of(model: nn.Module) -> Config:
    """The `config` of a head or a sequence model.

    Raises:
        ValueError: for a model, a part of it or a map to sigma that is not of this library.
    """
    kind = type(model)
    if kind.__module__.rpartition(".")[0] != __package__ or not hasattr(kind, "config"):
        raise ValueError(f"{kind.__name__} is no model of this library: it can't be saved")
    # By the class, not the instance: there torch hides what goes wrong within a property.
    found: Config = kind.config.fget(model)
    return found


def sigma_config(sigma: SigmaMap) -> Config:
    """The same of a map to sigma.

    Raises:
        ValueError: for one that is not of this library.
    """
    if type(sigma) not in SIGMAS.values():
        raise ValueError(f"sigma is {sigma!r}, which is none of this library's: it can't be saved")
    return {KIND: type(sigma).__name__} | asdict(sigma)  # type: ignore[call-overload]
