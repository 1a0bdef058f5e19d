"""Heads and sequence models as files of tensors and plain words; reading one runs no code."""

import json
import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from .config import KIND, Config, config_of
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
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{kind} can't be made of {sorted(given)}: {error}") from error


def save(model: nn.Module, path: str | Path) -> None:
    """Write a head, `Heads` or a `SequenceModel` as safetensors, atomically.

    Raises:
        ValueError: for another model.
    """
    from safetensors.torch import save_file  # what needs no file needs no safetensors

    place = Path(path)
    # Copies: a head that has two names is written twice.
    weights = {name: part.clone().contiguous() for name, part in model.state_dict().items()}
    scratch = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        save_file(weights, scratch, {"config": json.dumps(config_of(model))})
        os.replace(scratch, place)
    finally:
        scratch.unlink(missing_ok=True)


def load(path: str | Path) -> nn.Module:
    """The model that `save` wrote, on the CPU, in its precision, in eval mode.

    Raises:
        ValueError: if the file is not one of those.
        FileNotFoundError: if there is none.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).exists():
        raise FileNotFoundError(f"{path}: there is no such file")
    if not Path(path).is_file():
        raise ValueError(f"{path} is a folder: name a file that `save` wrote")
    try:
        with safe_open(path, framework="pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            config = json.loads((file.metadata() or {})["config"])
        model = from_config(config)
        model.to(next(iter(weights.values())).dtype)
        model.load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, RuntimeError, ValueError, StopIteration) as error:
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
