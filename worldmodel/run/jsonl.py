"""Files of records, one JSON object a line, that a kill can cut off but not spoil."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from worldmodel.run.checkpoint import atomic


def read_records(path: Path) -> list[dict[str, Any]]:
    """All whole records of a file, in order; none if there is no file."""
    if not path.exists():
        return []
    records = []
    for line in path.read_bytes().splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):  # cut off by a kill: what follows is not to be trusted
            break
        if not isinstance(record, dict):
            break
        records.append(record)
    return records


class RecordFile:
    """A file open for more records.

    Args:
        path: of the file.
        kept: what it begins with, in place of what it held.
    """

    def __init__(self, path: Path, kept: Iterable[Mapping[str, Any]]) -> None:
        with atomic(path, "w") as file:
            file.writelines(_line(record) for record in kept)
        self._file = path.open("a", buffering=1)

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one record, without numbers that are not finite; nothing waits in a buffer."""
        self._file.write(_line(record))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "RecordFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _line(record: Mapping[str, Any]) -> str:
    known = {key: value for key, value in record.items() if _is_known(value)}
    return json.dumps(known, allow_nan=False) + "\n"


def _is_known(value: object) -> bool:
    return not (isinstance(value, float) and not math.isfinite(value))
