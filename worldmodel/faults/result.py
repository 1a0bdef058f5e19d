"""What the stages of a run came to, in a form in which two runs can be compared bit by bit."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from worldmodel.run import checkpoint
from worldmodel.run.jsonl import read_records
from worldmodel.run.layout import read_done

# What depends on the clock, or names one run among others.
CLOCK = ("minutes", "rate", "frames_per_second", "examples_per_second", "steps_per_second",
         "env_steps_per_second", "encoded_anew")  # fmt: skip
# What is not compared: pictures of the present, and files of the system's own.
IGNORED = (".lock", "config.json", "curves.png", "curves.svg", "partial.json")
BYTES = (".zip", ".npy", ".png")


def results(root: Path) -> dict[str, str]:
    """A digest of every result below a folder, by its path there.

    Left out are speeds, logs of TensorBoard, ids and films, of which only the names count.
    """
    return {str(path.relative_to(root)): _digest(path) for path in _files(root)}


def _files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and "tb" not in path.parts and path.name not in IGNORED:
            yield path


def _digest(path: Path) -> str:
    if path.name == "DONE":
        done = read_done(path.parent) or {}
        return _hash([done.get("figures"), done.get("grows"), done.get("missing")])
    if path.suffix == ".pt":
        return _hash(checkpoint.load(path))
    if path.suffix == ".jsonl":
        return _hash(_records(path))
    if path.suffix == ".json":
        return _hash(json.loads(path.read_text()))
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.suffix in BYTES else ""


def _records(path: Path) -> list[str]:
    """Those of a log; in no order where they are of episodes, which workers end in any order."""
    rows = [json.dumps(_timeless(row), sort_keys=True) for row in read_records(path)]
    if path.name == "episodes.jsonl":
        return sorted(rows)
    if path.parent.name in ("collect", "evaluate"):
        return sorted(json.dumps(_timeless(row) | {"step": 0}, sort_keys=True)
                      for row in read_records(path))  # fmt: skip
    return rows


def _timeless(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {
            key: _timeless(value)
            for key, value in node.items()
            if str(key).rpartition("/")[2] not in CLOCK
        }
    return [_timeless(value) for value in node] if isinstance(node, list | tuple) else node


def _hash(node: Any) -> str:
    digest = hashlib.sha256()
    for part in _walk(_timeless(node)):
        digest.update(part)
    return digest.hexdigest()


def _walk(node: Any) -> Iterator[bytes]:
    if isinstance(node, Mapping):
        for key in sorted(node, key=str):
            yield f"{key}:".encode()
            yield from _walk(node[key])
    elif isinstance(node, list):
        yield b"["
        for value in node:
            yield from _walk(value)
    elif isinstance(node, Tensor):
        yield repr((node.dtype, tuple(node.shape))).encode()
        yield node.detach().contiguous().view(-1).numpy().tobytes()
    else:
        yield repr(node).encode()
