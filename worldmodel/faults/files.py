"""Damaged files of a finished run; the command that reads one names it, and changes nothing."""

import hashlib
import io
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from worldmodel.faults.call import Caller, Said, call
from worldmodel.faults.cases import ALL, BASE, DREAM, MODELS, TINY
from worldmodel.run import checkpoint
from worldmodel.run.layout import RECORDS
from worldmodel.seed import stream
from worldmodel.types import UserError

AGENT = "exported"  # name of the run that was exported
TEXTS = ("empty", "cut", "garbage", "foreign")
# A changed bit shows in what has a checksum: not in JSON, nor in latents, which encode makes again.
DAMAGES = {
    "": TEXTS,  # DONE
    ".json": TEXTS,
    ".npy": TEXTS,
    ".pt": (*TEXTS, "changed bit"),
    ".safetensors": (*TEXTS, "changed bit"),
    ".zip": (*TEXTS, "changed bit"),
}

HEADER = struct.Struct("<26xHH")  # of a part of a zip file: lengths of its name and of what follows


@dataclass(frozen=True)
class Reader:
    """A command that reads `files`, below the run's folder, where its `stages` are finished."""

    command: str
    overrides: tuple[str, ...]
    stages: tuple[str, ...]
    files: tuple[str, ...]


ARRAYS = ("mu", "logvar", "action", "reward", "terminated", "offsets", "episodes")
LATENTS = tuple(f"encode/latents/{name}.npy" for name in ARRAYS)
BEFORE_EVALUATE = (*MODELS, "train_controller")
READERS = (
    Reader("collect", ("collect.episodes=9",), ("collect",),
           ("collect/DONE", "collect/config.json", "collect/episodes/metadata.json")),
    Reader("train_vae", (), ("collect",),
           ("collect/DONE", "collect/episodes/metadata.json", "collect/episodes/000003.zip")),
    Reader("train_vae", ("train_vae.fit.steps=30",), ("collect", "train_vae"),
           ("train_vae/DONE", "train_vae/config.json", "train_vae/checkpoints/last.pt")),
    Reader("encode", (), ("collect", "train_vae"),
           ("train_vae/DONE", "train_vae/checkpoints/best.pt", "collect/episodes/000003.zip")),
    Reader("train_mdnrnn", (), ("collect", "train_vae", "encode"),
           ("encode/DONE", "encode/latents/metadata.json", *LATENTS)),
    Reader("train_mdnrnn", ("train_mdnrnn.fit.steps=30",), MODELS,
           ("train_mdnrnn/config.json", "train_mdnrnn/checkpoints/last.pt",
            "train_mdnrnn/k1/checkpoints/last.pt")),
    Reader("train_controller", DREAM, MODELS,
           ("train_mdnrnn/DONE", "train_mdnrnn/checkpoints/best.pt", "encode/latents/offsets.npy")),
    Reader("train_controller", (*DREAM, "evolve.generations=8"), BEFORE_EVALUATE,
           ("train_controller/config.json", "train_controller/checkpoints/last.pt")),
    Reader("evaluate", DREAM, BEFORE_EVALUATE,
           ("train_controller/DONE", "train_controller/checkpoints/best.pt",
            "train_vae/checkpoints/best.pt", "train_mdnrnn/checkpoints/best.pt")),
    Reader("evaluate", (*DREAM, "evaluate.episodes=8"), ALL,
           ("evaluate/DONE", "evaluate/config.json")),
    Reader("evaluate", (f"agent={AGENT}",), (),
           ("../agent.json", "train_vae/DONE", "train_vae/checkpoints/best.safetensors",
            "train_mdnrnn/checkpoints/best.safetensors",
            "train_controller/checkpoints/best.safetensors")),
)  # fmt: skip


@dataclass(frozen=True)
class Broken:
    """A reader, one of its files, and how it is damaged."""

    reader: Reader
    file: str
    damage: str

    def __str__(self) -> str:
        return f"{self.reader.command} with {self.file} {self.damage}"


@dataclass(frozen=True)
class Finding:
    """What a command said, and whether it was one sentence that names the file or its stage.

    `changed` are files of the run that are no longer what they were.
    """

    label: str
    said: Said
    right: bool
    changed: tuple[str, ...]


def broken_files() -> list[Broken]:
    """Every reader with each of its files, damaged in every way that shows."""
    return [
        Broken(reader, file, damage)
        for reader in READERS
        for file in reader.files
        for damage in DAMAGES[Path(file).suffix]
    ]


def prepare(base: Path, caller: Caller = call) -> None:
    """Run the whole pipeline below `base` and export what it made, unless that is there.

    Raises:
        UserError: if a command fails on whole files.
    """
    if (base / "runs" / "pretrained" / AGENT / "agent.json").exists():
        return
    base.mkdir(parents=True, exist_ok=True)
    rest = BASE.arguments[1:]
    for command in (("pipeline", *rest), ("export", *rest, f"export.to=pretrained/{AGENT}")):
        said = caller(command, base)
        if said.code:
            raise UserError(f"{command[0]} fails on whole files: {' '.join(said.errors[-1:])}")


def break_file(base: Path, broken: Broken, caller: Caller = call) -> Finding:
    """Copy the finished stages from `base`, damage the file, and call its reader on the copy."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        path = _copy(base, place, broken)
        path.write_bytes(damaged(path, broken.damage))
        before = _digests(place)
        given = (f"env={BASE.env}", *TINY) if broken.reader.stages else ()
        said = caller((broken.reader.command, *given, *broken.reader.overrides), place)
        after = _digests(place)
    changed = tuple(key for key, digest in before.items() if after.get(key) != digest)
    named = (path.name, *(part for part in path.parts if part in (*ALL, AGENT)))
    return Finding(str(broken), said, said.refuses(*named) and not changed, changed)


def _copy(base: Path, place: Path, broken: Broken) -> Path:
    """Copy what the reader goes on from; the copy of the file that is to be damaged."""
    run = Path("runs", "tiny", "seed0")
    for stage in broken.reader.stages:
        shutil.copytree(base / run / stage, place / run / stage)
    if not broken.reader.stages:
        run = Path("runs", "pretrained", AGENT, "seed0")
        shutil.copytree(base / run.parent, place / run.parent)
    return (place / run / broken.file).resolve()


def damaged(path: Path, damage: str) -> bytes:
    """What a file holds after the damage; the same for equal files."""
    content = path.read_bytes()
    if damage == "none":
        return content
    if damage == "empty":
        return b""
    if damage == "cut":
        return content[: len(content) // 2]
    if damage == "garbage":
        return stream(len(content), "kills").bytes(len(content))
    if damage == "changed bit":
        middle = _middle(path)
        return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    return _foreign(path.suffix)


def _middle(path: Path) -> int:
    """A place in what a file holds; in a zip file there is filling between its parts."""
    if not zipfile.is_zipfile(path):
        return path.stat().st_size // 2
    with zipfile.ZipFile(path) as file:
        part = max(file.infolist(), key=lambda one: one.compress_size)
    header = path.read_bytes()[part.header_offset :][: HEADER.size]
    name, extra = HEADER.unpack(header)
    return part.header_offset + HEADER.size + name + extra + part.compress_size // 2


def _foreign(suffix: str) -> bytes:
    """A whole file of the kind, of something else."""
    buffer = io.BytesIO()
    if suffix == ".npy":
        np.save(buffer, np.zeros((3, 1), np.float32))
    elif suffix == ".zip":
        zipfile.ZipFile(buffer, "w").close()
    elif suffix in (".pt", ".safetensors"):
        return _foreign_checkpoint(suffix)
    else:
        buffer.write(b"[]")
    return buffer.getvalue()


def _foreign_checkpoint(suffix: str) -> bytes:
    save = checkpoint.save if suffix == ".pt" else checkpoint.save_safetensors
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"other{suffix}")
        save(path, {"about": {"kind": "other"}})
        return path.read_bytes()


def _digests(place: Path) -> dict[str, str]:
    return {
        str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in _results(place)
    }


def _results(place: Path) -> Iterator[Path]:
    for path in sorted(place.rglob("*")):
        if path.is_file() and not set(RECORDS) & set(path.parts):
            yield path
