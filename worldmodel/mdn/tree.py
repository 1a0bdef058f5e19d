"""Distributions as trees of tensors, for torch.export, torch.func and whatever maps over trees."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from torch.utils import _pytree

from .grouped import Grouped
from .mixture import Mixture
from .nll import Outputs
from .simple import Bernoulli, Categorical, Normal

# Fields that hold no tensors.
STILL = ("factorization", "groups")
Context = tuple[tuple[str, Any], ...]


def register() -> None:
    """Tell torch what each distribution is made of."""
    for kind in (Mixture, Grouped, Bernoulli, Categorical, Normal):
        _register(kind)
    _pytree.register_pytree_node(
        Outputs,
        lambda outputs: (list(outputs.values()), list(outputs)),
        lambda parts, names: Outputs(zip(names, parts, strict=True)),
        serialized_type_name="mdn.Outputs",
        to_dumpable_context=list,
        from_dumpable_context=list,
    )


def _register(kind: type[Any]) -> None:
    every = tuple(field.name for field in fields(kind))  # torch.export does not know `fields`

    def flatten(one: Any) -> tuple[list[Any], Context]:
        found = {name: getattr(one, name) for name in every}
        still = {name: part for name, part in found.items() if name in STILL or part is None}
        return [part for name, part in found.items() if name not in still], tuple(still.items())

    def unflatten(parts: Iterable[Any], context: Context) -> Any:
        # Not by the constructor: what maps over a tree may put anything in the place of a tensor.
        one, still = object.__new__(kind), dict(context)
        names = [name for name in every if name not in still]
        for name, part in (*zip(names, parts, strict=True), *context):
            object.__setattr__(one, name, part)
        return one

    _pytree.register_pytree_node(
        kind,
        flatten,
        unflatten,
        serialized_type_name=f"mdn.{kind.__name__}",
        to_dumpable_context=list,
        from_dumpable_context=lambda given: tuple((name, value) for name, value in given),
    )
