"""What distributions refuse, and the precision in which they compute."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def widen(parameter: Tensor) -> Tensor:
    """Half precision to float32; float32 and float64 as they are.

    Raises:
        ValueError: for complex numbers.
    """
    if parameter.is_complex():
        raise ValueError(f"parameters are {parameter.dtype}: a density needs real numbers")
    return parameter if parameter.dtype == torch.float64 else parameter.float()


def check_value(value: Tensor, dim: int) -> None:
    """A value is (..., dim).

    Raises:
        ValueError: if it is not.
    """
    if not value.ndim or value.shape[-1] != dim:
        raise ValueError(f"a value has to be (..., {dim}), this one is {tuple(value.shape)}")


def check_shape(shape: Sequence[int]) -> Sequence[int]:
    """The same, if it is a shape.

    Raises:
        ValueError: for a number, which is none.
    """
    if isinstance(shape, int):
        raise ValueError(f"a shape is {shape}: use ({shape},)")
    return shape


def common_batch(batch: Sequence[int], given: Sequence[int]) -> torch.Size:
    """The shape that a distribution's batch and a value's have in common.

    Raises:
        ValueError: if they have none.
    """
    try:
        return torch.broadcast_shapes(batch, given)
    except RuntimeError as error:
        raise ValueError(
            f"a batch {tuple(batch)} of distributions does not fit values {tuple(given)}"
        ) from error


def full_precision(tensor: Tensor) -> AbstractContextManager[object]:
    """Where autocast leaves products alone: likelihoods need more than 8 bits of mantissa."""
    kind = tensor.device.type
    # A tensor without numbers is all that autocast does not know.
    return nullcontext() if tensor.is_meta else torch.autocast(kind, enabled=False)


def readable(tensor: Tensor) -> bool:
    """Whether to look at the numbers: not while torch compiles, nor if that waits for a GPU."""
    if torch.compiler.is_compiling() or tensor.is_cuda or tensor.is_meta:
        return False
    return not torch._C._functorch.is_functorch_wrapped_tensor(tensor)  # by vmap, grad and others


def check_numbers(**parameters: Tensor | None) -> None:
    """Parameters are numbers.

    Raises:
        ValueError: naming the one that holds NaN.
    """
    for name, parameter in parameters.items():
        if parameter is not None and readable(parameter) and bool(parameter.isnan().any()):
            raise ValueError(f"{name} holds NaN: the network that made it has diverged")
