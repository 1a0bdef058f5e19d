"""Functions compiled by numba, and kept on disk for the next process where that can be."""

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """`function` in machine code, from its first call with arguments of these types on.

    The same numbers as in Python: nothing is reordered, and no product is fused with a sum.
    """
    try:
        return njit(cache=True)(function)
    except RuntimeError:  # no folder can be written to, neither beside the code nor at home
        return njit(function)
