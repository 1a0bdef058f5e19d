"""Sequence models beside the agents of a page: one that writes, that draws, or answers touches."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from worldmodel.data.examples import NAME, load_examples
from worldmodel.run import checkpoint, safetensors_format
from worldmodel.run.layout import SHIPPED_AS, checkpoint_path
from worldmodel.run.models import find_model
from worldmodel.types import FloatArray, UserError

SHOWN = 6  # examples that a page has to begin with
SHORT = 4  # steps of a drawing that is none to begin with, see worldmodel/pen/drawn.py
SECONDS = 5.0  # of a call
PLACES = 4  # decimal ones of an example
SPREAD = 12**0.5  # of a width over the deviation of places that are evenly within it
STEPS = 40  # of a drawing where no example tells


@dataclass(frozen=True)
class PackedSystem:
    """A sequence model as the worker takes it: what it is told, and a file of tensors."""

    name: str
    about: Mapping[str, Any]
    model: bytes

    @property
    def listed(self) -> dict[str, str]:
        """What the page is told of it from the start."""
        label = self.name.replace("_", " ")
        return {"name": self.name, "kind": self.about["kind"], "label": label}


def pack_systems(
    names: Sequence[object], agents: Sequence[str], runs: Path, seed: int
) -> list[PackedSystem]:
    """Take what a page needs of some sequence models.

    Args:
        names: of models that come with the package, that were exported, or of finished runs.
        agents: names of the page's agents, which none of them may have.
        runs: folder of all runs.
        seed: of runs.

    Raises:
        UserError: if one is not there, is of a kind that no page shows, or has another's name.
    """
    if not all(isinstance(name, str) and name for name in names):
        raise UserError("systems names sequence models, as [writing,robojam], or is [] for none.")
    packed = [pack_system(str(name), runs, seed) for name in names]
    taken = list(agents)
    for each in packed:
        if each.name in taken:
            raise UserError(f"Two of agent and systems are called {each.name}: leave one out.")
        taken.append(each.name)
    return packed


def pack_system(name: str, runs: Path, seed: int) -> PackedSystem:
    """Take what a page needs of one: its sizes, its weights, and some examples.

    Raises:
        UserError: if it is not there, or is of a kind that no page shows.
    """
    name = name.removeprefix(f"{SHIPPED_AS}/")
    exported = (runs / SHIPPED_AS / name).is_dir()
    folder, _ = find_model(runs, f"{SHIPPED_AS}/{name}" if exported else name, seed)
    path = checkpoint_path(folder)
    saved = checkpoint.load(path, ("about", "weights"))
    network = dict(saved["about"])
    kind = network.pop("kind", None)
    if kind not in KINDS:
        raise UserError(f"{path} is a model of kind {kind}: a page shows {', '.join(KINDS)}.")
    weights = saved["weights"]
    with checkpoint.describing(path):
        told = KINDS[kind](network, weights, folder)
    try:
        halved = safetensors_format.halve(weights)
    except ValueError as error:
        raise UserError(f"{path} can't be packed: {error}.") from error
    about = {"name": name, "kind": kind, "network": network} | told
    return PackedSystem(name, about, safetensors_format.pack({"weights": halved}))


def system_files(packed: PackedSystem) -> dict[str, bytes]:
    """A system's files, by their paths."""
    files = {"about.json": json.dumps(packed.about).encode(), "model.safetensors": packed.model}
    return {f"{packed.name}/{name}": content for name, content in files.items()}


def _writing(network: dict[str, Any], _: Mapping[str, Tensor], __: Path) -> dict[str, Any]:
    return {"characters": str(network.pop("characters"))}


def _pen(_: dict[str, Any], weights: Mapping[str, Tensor], folder: Path) -> dict[str, Any]:
    """How large drawings are, and how many steps they have; begun ones, as steps."""
    items = [item for item in _examples(folder) if len(item) > SHORT]
    if not items:
        unit = weights["scale"] * weights["place_scale"]
        return {"extent": float(unit) * SPREAD, "steps": STEPS, "examples": []}
    return {
        "extent": float(np.median([_extent(item) for item in items])),
        "steps": round(float(np.median([len(item) for item in items]))),
        "examples": [_listed(item[: -(-len(item) // 2)]) for item in items[:SHOWN]],
    }


def _touch(_: dict[str, Any], __: Mapping[str, Tensor], folder: Path) -> dict[str, Any]:
    """Calls, as touches."""
    items = _examples(folder)[:SHOWN]
    # Left after each touch, until the end.
    left = [item[::-1, 2].cumsum()[::-1] - item[:, 2] for item in items]
    pairs = zip(items, left, strict=True)
    return {"examples": [_listed(item[rest <= SECONDS]) for item, rest in pairs]}


KINDS: dict[str, Callable[[dict[str, Any], Mapping[str, Tensor], Path], dict[str, Any]]] = {
    "writing": _writing,
    "pen": _pen,
    "touch": _touch,
}


def _examples(folder: Path) -> list[FloatArray]:
    return load_examples(folder).items if (folder / NAME).exists() else []


def _extent(steps: FloatArray) -> float:
    """Width or height of a drawing, whichever is more."""
    places = np.concatenate([np.zeros((1, 2)), np.cumsum(steps[:, :2], 0)])
    return float(np.ptp(places, axis=0).max())


def _listed(rows: FloatArray) -> list[list[float]]:
    return [[round(float(value), PLACES) for value in row] for row in rows]
