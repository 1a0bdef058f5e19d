"""One episode on disk: a zip file with a zarr group in it, or a folder, as before.

A folder of ten thousand episodes would be a quarter of a million entries of the file system.
"""

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.buffer.cpu import Buffer
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.storage import MemoryStore

SUFFIX = ".zip"
_GROUP = "zarr.json"

ReadKey = Callable[[str], bytes]


def write_group(
    path: Path, attributes: Mapping[str, int], arrays: Mapping[str, tuple[NDArray[Any], int]],
    compression: int,
) -> None:  # fmt: skip
    """Write arrays, each with the rows of its chunks, as a zarr v3 group in a zip file.

    Chunks are compressed by Blosc-zstd without shuffle (which beats both shuffles on uint8 frames,
    in size and in speed) at a level 1 to 9, with a CRC32C each. Equal content is equal bytes.
    """
    kept: dict[str, Any] = {}
    group = zarr.create_group(MemoryStore(kept), attributes=dict(attributes), zarr_format=3)
    for name, (values, rows) in arrays.items():
        blosc = BloscCodec(
            cname="zstd", clevel=compression, shuffle="noshuffle", typesize=values.itemsize
        )
        array = group.create_array(
            name,
            shape=values.shape,
            dtype=values.dtype,
            chunks=(rows, *values.shape[1:]),
            compressors=(blosc, Crc32cCodec()),
            config={"write_empty_chunks": True},  # else a chunk of zeros would look like a lost one
        )
        array[...] = values
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for key in sorted(kept):
            file.writestr(zipfile.ZipInfo(key), kept[key].to_bytes())


@contextmanager
def open_group(path: Path) -> Iterator[ReadKey]:
    """What reads the group's keys, from a zip file or a folder.

    Raises:
        ValueError: for a zip file that would unpack to more than it holds.
        OSError, KeyError: from what it yields, for a key that is missing.
    """
    if path.suffix != SUFFIX:
        yield lambda key: (path / key).read_bytes()
        return
    with zipfile.ZipFile(path) as file:
        if sum(part.file_size for part in file.infolist()) > path.stat().st_size:
            raise ValueError("it unpacks to more than it holds")
        yield file.read


def read_attributes(path: Path) -> dict[str, Any]:
    """The attributes of the group; raises whatever is wrong with it."""
    with open_group(path) as read:
        attributes: dict[str, Any] = json.loads(read(_GROUP))["attributes"]
        return attributes


def read_array(
    path: Path,
    name: str,
    check: Callable[["zarr.Array[Any]"], None],
    start: int = 0,
    stop: int | None = None,
) -> NDArray[Any]:
    """Rows of one array; other chunks are not read. Raises whatever is wrong with it.

    Args:
        path: of the episode.
        name: of the array.
        check: raises for a header that can't be: it is called before anything is unpacked.
        start: first row.
        stop: row after the last; None: all.
    """
    with open_group(path) as read:
        header = f"{name}/{_GROUP}"
        kept: dict[str, Any] = {header: Buffer.from_bytes(read(header))}
        array = zarr.open_array(MemoryStore(kept), path=name, mode="r", zarr_format=3)
        check(array)
        span, rows = range(*slice(start, stop).indices(array.shape[0])), array.chunks[0]
        for chunk in range(span.start // rows, -(-span.stop // rows)):
            place = array.metadata.encode_chunk_key((chunk,) + (0,) * (array.ndim - 1))
            kept[f"{name}/{place}"] = Buffer.from_bytes(read(f"{name}/{place}"))
    return np.asarray(array[span.start : span.stop])
