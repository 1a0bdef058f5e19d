"""Published data sets: fetched once, checked, and said whose they are."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worldmodel.run.checkpoint import atomic
from worldmodel.run.layout import install_command
from worldmodel.types import UserError

FOLDER = "WORLDMODEL_DATA"  # the environment variable that names the cache folder
Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Source:
    """A published file: its address at a fixed commit, the sha256 of its bytes, and its terms."""

    url: str
    sha256: str
    licence: str
    attribution: str

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.url.rsplit("/", 1)[-1]


def data_folder() -> Path:
    """Where data sets are kept: $WORLDMODEL_DATA, or else worldmodel/data in the user's cache."""
    given = os.environ.get(FOLDER)
    if given:
        return Path(given).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "worldmodel" / "data"


def fetch(source: Source) -> Path:
    """The file, from the data folder or else from its address; says whose it is when it is new.

    Raises:
        UserError: if it can't be fetched, or its bytes are not those that were published.
    """
    try:
        import pooch
    except ImportError as error:
        raise UserError(f"Data sets need pooch: {install_command('pen')}.") from error
    pooch.get_logger().setLevel(logging.WARNING)  # what is fetched, and whose it is, we say below
    folder = data_folder()
    path = folder / source.name
    if not path.exists():
        print(f"fetching {source.url}\n{source.licence}: {source.attribution}", flush=True)
    try:
        pooch.retrieve(source.url, f"sha256:{source.sha256}", source.name, folder)
    except ValueError as error:  # pooch has deleted what it fetched
        raise UserError(
            f"{path} is not the file that was published (its sha256 is another): delete it and "
            "run the same command again."
        ) from error
    except Exception as error:  # whichever of the downloader's
        raise UserError(
            f"{source.url} could not be fetched ({type(error).__name__}): go online, or put the "
            f"file into {folder} (the folder that {FOLDER} names)."
        ) from error
    return path


def prepared(
    name: str, make: Callable[[], Arrays], rows: str, offsets: str, others: Sequence[str] = ()
) -> Arrays:
    """The arrays of <data folder>/<name>.npz, made and kept there if there is no such file.

    Args:
        name: of the data set.
        make: makes its arrays.
        rows: name of the array that `offsets` cuts into parts.
        offsets: name of the array of these cuts, from 0 to the number of rows.
        others: names of further arrays that it needs.

    Raises:
        UserError: if they can't be made, or the file is none of ours.
    """
    path = data_folder() / f"{name}.npz"
    if path.exists():
        arrays = read_arrays(path)
        lacking = [key for key in (rows, offsets, *others) if key not in arrays]
        if lacking:
            raise UserError(f"{path} lacks {', '.join(lacking)}: delete it, it is made anew.")
        ends = arrays[offsets].astype(np.int64)
        if not len(ends) or ends[0] != 0 or ends[-1] != len(arrays[rows]):
            raise UserError(f"{path} is damaged: its {offsets} do not fit. Delete it.")
        return arrays
    arrays = make()
    with atomic(path) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return arrays


def read_arrays(path: Path) -> Arrays:
    """The arrays of an npz file, of numbers and texts alone.

    Raises:
        UserError: if it is missing, damaged, or holds objects that only unpickling would read.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such file.")
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except Exception as error:  # zipfile and zlib have errors of their own
        raise UserError(f"{path} is damaged, or no npz file of numbers: {error}.") from error
