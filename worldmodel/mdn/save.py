"""Heads and sequence models as files of tensors and plain words; reading one runs no code."""

import json
import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from .config import KIND, Config
from .heads import (
    BernoulliHead,
    CategoricalHead,
    GroupedMixtureHead,
    Heads,
    LeastSquaresHead,
    MixtureHead,
    NormalHead,
)
from .sequence import SequenceModel
from .sigma import SIGMAS


def config_of(model: nn.Module) -> Config:
    """The `config` of a head or a sequence model: what it is made with, for `from_config`.

    Raises:
        ValueError: for a model, or a map to sigma, that is not of this library.
    """
    if type(model) not in MODELS.values():
        raise ValueError(f"{type(model).__name__} is no model of this library")
    found: Config = model.config  # type: ignore[assignment]
    return found


def from_config(config: Mapping[str, Any]) -> nn.Module:
    """A model with random weights, made as its `config` says.

    Raises:
        ValueError: for a kind that this library does not have, or arguments that it does not take.
    """
    given = dict(config)
    kind = given.pop(KIND, None)
    try:
        if "sigma" in given:
            sigma = dict(given["sigma"])
            given["sigma"] = SIGMAS[sigma.pop(KIND)](**sigma)
        if "heads" in given:
            given["heads"] = {name: from_config(head) for name, head in given["heads"].items()}
        if kind == GroupedMixtureHead.__name__:
            return _grouped(**given)
        return MODELS[kind](**given)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{kind} can't be made of {sorted(given)}: {error}") from error


def save(model: nn.Module, path: str | Path) -> None:
    """Write a head, `Heads` or a `SequenceModel` as safetensors, atomically.

    Raises:
        ValueError: for another model.
    """
    from safetensors.torch import save_file  # what needs no file needs no safetensors

    place = Path(path)
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    scratch = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        save_file(weights, scratch, {"config": json.dumps(config_of(model))})
        os.replace(scratch, place)
    finally:
        scratch.unlink(missing_ok=True)


def load(path: str | Path) -> nn.Module:
    """The model that `save` wrote, on the CPU, in eval mode.

    Raises:
        ValueError: if the file is not one of those.
        FileNotFoundError: if there is none.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            config = json.loads((file.metadata() or {})["config"])
        model = from_config(config)
        model.load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise ValueError(f"{path} is no model that this library saved: {error}") from error
    return model.eval()


def _grouped(groups: list[list[int]], parts: list[Config]) -> GroupedMixtureHead:
    heads = [head for part in parts if isinstance(head := from_config(part), MixtureHead)]
    first = heads[0]
    return GroupedMixtureHead(
        first.linear.in_features,
        groups,
        [head.components for head in heads],
        sigma=first.sigma,
        covariance=[head.covariance for head in heads],
    )


MODELS: dict[str, Callable[..., nn.Module]] = {
    each.__name__: each
    for each in (
        MixtureHead,
        GroupedMixtureHead,
        BernoulliHead,
        CategoricalHead,
        LeastSquaresHead,
        NormalHead,
        Heads,
        SequenceModel,
    )
}
