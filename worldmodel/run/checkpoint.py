"""Atomic files and checkpoints of tensors and plain types only."""

import contextlib
import io
import json
import math
import os
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor, nn

from worldmodel.run import safetensors_format
from worldmodel.run.disk import reason, remedy
from worldmodel.run.registry import STAGES
from worldmodel.types import UserError


@contextlib.contextmanager
def atomic(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a temporary file beside `path` and rename it on success; an old file stays until then.

    Raises:
        UserError: if the file can't be written (disk full, no permission).
    """
    name = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        name = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}.tmp"
        # Not tempfile: what it makes is readable by its owner alone, and the umask can't be read
        # without changing it for other threads.
        descriptor = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        with os.fdopen(descriptor, mode) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError as error:
        raise UserError(
            f"Could not write {path} ({reason(error)}): {remedy(error)}, then run the same command "
            "again; what was saved before is untouched."
        ) from error
    finally:
        if name is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)


def save_json(path: Path, content: object) -> None:
    """Write JSON atomically; numbers that are not finite, which JSON does not know, as null."""
    with atomic(path, "w") as file:
        json.dump(_finite(content), file, indent=2, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def save(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint atomically. `content` holds tensors and plain types only.

    Raises:
        UserError: if the file can't be written.
    """
    # Serialised in memory first: on a full disk torch's own writer hides the system's error.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with atomic(path) as file:
        file.write(buffer.getbuffer())


def save_safetensors(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint as safetensors, its "weights" in half precision.

    Raises:
        UserError: if the file can't be written, or a weight is too large.
    """
    try:
        halved = {key: safetensors_format.halve(value) if key == "weights" else value
                  for key, value in content.items()}  # fmt: skip
    except ValueError as error:
        raise UserError(f"Could not write {path}: {error}.") from error
    with atomic(path) as file:
        file.write(safetensors_format.pack(halved))


def load(path: Path, needs: Iterable[str] = ()) -> dict[str, Any]:
    """Read a checkpoint on the CPU without running any code that it may carry.

    Where `path` is missing, the .safetensors file of the same name beside it takes its place.

    Args:
        path: of the file.
        needs: what it has to hold.

    Raises:
        UserError: if it is missing, cut off or altered, holds more than tensors and plain types, or
            lacks what it needs.
    """
    owner = next((part for part in path.parents if part.name in STAGES), None)
    exported = path.with_suffix(".safetensors")
    if not path.exists() and exported.exists():
        path = exported
    if not path.exists():
        first = f"run {owner.name} first" if owner else "name a checkpoint that is there"
        raise UserError(f"{path} is missing: {first}.")
    try:
        found = _read(path)
        lacking = [name for name in needs if name not in found]
        if lacking:
            raise ValueError(f"it lacks {', '.join(lacking)}")
        return found
    except Exception as error:
        # A stage that finished makes nothing again while the rest of its folder is there.
        again = f"delete {owner} and run {owner.name} again" if owner else "name another one"
        raise UserError(
            f"{path} is not a readable checkpoint ({_reason(error)}): {again}."
        ) from error


@contextlib.contextmanager
def describing(path: Path) -> Iterator[None]:
    """While a model is built from the description in a checkpoint.

    Raises:
        UserError: if that description is of no such model.
    """
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} describes no model of this version ({type(error).__name__}: {error}): point "
            "to another file."
        ) from error


def _read(path: Path) -> dict[str, Any]:
    """Raises whatever is wrong with the file."""
    if path.suffix == ".safetensors":
        return safetensors_format.unpack(path)
    _check_bits(path)
    found = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(found, dict):
        raise ValueError(f"it holds a {type(found).__name__}")
    return found


def _reason(error: Exception) -> str:
    """Ours, or what kind of error a library had: torch tells pages."""
    return str(error) if type(error) is ValueError else type(error).__name__


def _check_bits(path: Path) -> None:
    """Check the checksums that torch writes and never reads, and the sizes, before anything else.

    Raises:
        ValueError: if a bit has changed, or more would be unpacked than the file holds.
    """
    with zipfile.ZipFile(path) as file:
        if sum(part.file_size for part in file.infolist()) > path.stat().st_size:
            raise ValueError("it unpacks to more than it holds")
        broken = file.testzip()
    if broken is not None:
        raise ValueError(f"{broken} has changed since it was written")


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Load weights, naming the first parameter whose shape differs.

    Raises:
        UserError: if the checkpoint is of another shape than the module.
    """
    own = module.state_dict()
    for name in sorted(own.keys() | weights.keys()):
        if name not in own and _makes(module, name):
            continue
        here = tuple(own[name].shape) if name in own else None
        there = tuple(weights[name].shape) if name in weights else None
        if here != there:
            raise UserError(
                f"{path} does not fit this model: {name} is {there} in the file and {here} here; "
                "use the configuration that it was trained with, or another name=…"
            )
    module.load_state_dict(weights)


def _makes(module: nn.Module, name: str) -> bool:
    """Whether a module has a buffer of this name that it has not made yet, and makes by loading."""
    owner, _, leaf = name.rpartition(".")
    try:
        return leaf in module.get_submodule(owner)._buffers
    except AttributeError:
        return False


def start_from(module: nn.Module, path: Path) -> None:
    """Begin training with the weights of another run's checkpoint.

    Raises:
        UserError: if it is missing, or of another shape than the module.
    """
    load_weights(module, load(path, ("weights",))["weights"], path)
