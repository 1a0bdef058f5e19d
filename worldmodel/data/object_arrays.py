"""Published npz files of object arrays, read without unpickling anything but arrays.

A list of drawings of different lengths was long saved as a pickle within an npz file, and reading
a pickle runs what it names. This reader knows the four names that such files need and no other.
"""

import pickle
import zipfile
from _codecs import encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from worldmodel.types import UserError

# What a pickled array of arrays names, by old and new names of NumPy's modules.
_reconstruct: Any = np.empty(0).__reduce__()[0]
KNOWN: dict[tuple[str, str], Callable[..., Any]] = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): encode,
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
        items = list(_Unpickler(file, encoding="latin1").load())
    else:  # all of one length
        items = list(np.frombuffer(file.read(), dtype).reshape(shape))
    arrays = [np.asarray(item) for item in items]
    for array in arrays:
        if array.ndim != 2 or array.shape[1] != columns or array.dtype.kind not in "iuf":
            raise ValueError(f"an item is {array.shape} {array.dtype}, not (n, {columns}) numbers")
    return arrays
