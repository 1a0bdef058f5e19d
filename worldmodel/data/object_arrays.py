"""Published npz files of object arrays, read without unpickling anything but arrays.

A list of drawings of different lengths was long saved as a pickle within an npz file, and reading
a pickle runs what it names. This reader knows the four names that such files need and no other,
and stands in for them itself: not even NumPy's own constructors see what a pickle says.
"""

import pickle
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from worldmodel.types import UserError

NUMBERS = re.compile(r"[iuf][1248]")
OBJECTS = re.compile(r"O\d*")


class _Kind:
    """What a pickle says of the type of an array: a code such as i2, and the order of bytes."""

    def __init__(self, code: str, *_: object) -> None:
        self.code, self.order = str(code), "="

    def __setstate__(self, state: Sequence[Any]) -> None:
        self.order = {"<": "<", ">": ">"}.get(str(state[1]), "=")


class _Array:
    """What a pickle says of an array: a list of others, or numbers."""

    def __setstate__(self, state: Sequence[Any]) -> None:
        _, shape, kind, by_columns, content = state
        self.items: list[Any] = []
        self.numbers: NDArray[Any] | None = None
        if OBJECTS.fullmatch(kind.code) and isinstance(content, list):
            self.items = content
        elif NUMBERS.fullmatch(kind.code):
            raw = content.encode("latin1") if isinstance(content, str) else bytes(content)
            flat = np.frombuffer(raw, np.dtype(kind.order + kind.code))
            self.numbers = flat.reshape(tuple(shape), order="F" if by_columns else "C").copy()
        else:
            raise pickle.UnpicklingError(f"it has an array of type {kind.code!r}")


def _array(*_: object) -> _Array:
    return _Array()


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it encodes text as {encoding!r}")
    return text.encode("latin1")


# What a pickled array of arrays names, by old and new names of NumPy's modules.
KNOWN: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _array,
    ("numpy._core.multiarray", "_reconstruct"): _array,
    ("numpy", "ndarray"): "ndarray",  # only ever handed to `_reconstruct`
    ("numpy", "dtype"): _Kind,
    ("_codecs", "encode"): _encode,
}
HEADERS: dict[tuple[int, int], Callable[..., Any]] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in KNOWN:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no array needs")
        return KNOWN[module, name]


def read_object_arrays(
    path: Path, names: Sequence[str], columns: int
) -> dict[str, list[NDArray[Any]]]:
    """Lists of arrays (n, columns) by the names of the npz members that hold them.

    Raises:
        UserError: if the file is damaged, lacks a member, or its pickle names anything else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = {}
            for name in names:
                with archive.open(f"{name}.npy") as file:
                    found[name] = _read(file, columns)
            return found
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file.") from error
    except KeyError as error:
        raise UserError(f"{path} lacks {error.args[0]}: it is no file of {names}.") from error
    except Exception as error:  # a pickle can be wrong in any way
        reason = str(error) or type(error).__name__
        raise UserError(f"{path} can't be read as lists of arrays: {reason}.") from error


def _read(file: Any, columns: int) -> list[NDArray[Any]]:
    version = npy.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"its npy version {version} is unknown")
    shape, _, dtype = HEADERS[version](file)
    if dtype.hasobject:
        items = _members(_Unpickler(file, encoding="latin1").load())
    else:  # all of one length
        items = list(np.frombuffer(file.read(), dtype).reshape(shape))
    for array in items:
        if array.ndim != 2 or array.shape[1] != columns or array.dtype.kind not in "iuf":
            raise ValueError(f"an item is {array.shape} {array.dtype}, not (n, {columns}) numbers")
    return items


def _members(loaded: Any) -> list[NDArray[Any]]:
    """The arrays of numbers in an array of objects."""
    if not isinstance(loaded, _Array):
        raise ValueError("it is no array of arrays")
    found = [each.numbers if isinstance(each, _Array) else None for each in loaded.items]
    arrays = [each for each in found if each is not None]
    if len(arrays) < len(found):
        raise ValueError("an item is no array of numbers")
    return arrays
