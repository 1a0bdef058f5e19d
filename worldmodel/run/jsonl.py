"""Files of records, one JSON object a line, that a kill can cut off but not spoil."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from worldmodel.run.checkpoint import atomic


def read_records(path: Path) -> list[dict[str, Any]]:
    """All whole records of a file, in order; none if there is no file."""
    if not path.exists():
        return []
    records = []
    for line in path.read_text().splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:  # cut off by a kill: what follows it is not to be trusted
            break
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
        """Write one record; nothing of it waits in a buffer."""
        self._file.write(_line(record))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "RecordFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(dict(record)) + "\n"
