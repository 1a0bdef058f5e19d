"""Trained pen networks from their files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from worldmodel.pen.network import PenConfig, PenNetwork
from worldmodel.pen.sketch_network import SketchConfig, SketchNetwork
from worldmodel.pen.window import WindowConfig, WindowNetwork
from worldmodel.run import checkpoint
from worldmodel.run.layout import checkpoint_path
from worldmodel.types import UserError


@dataclass(frozen=True, eq=False)
class Writer:
    """A network that writes, and the characters that it knows."""

    network: WindowNetwork
    characters: str


def load_pen(folder: Path) -> PenNetwork:
    """The network that a system of kind "pen" left in a stage's folder.

    Raises:
        UserError: if there is none, or it is of another kind.
    """
    about, weights, path = _read(folder, "pen")
    with checkpoint.describing(path):
        network = PenNetwork(PenConfig(**about))
    return _with(network, weights, path)


def load_sketch(folder: Path) -> SketchNetwork:
    """The same of kind "sketch"."""
    about, weights, path = _read(folder, "sketch")
    with checkpoint.describing(path):
        decoder = PenConfig(**about.pop("decoder"))
        network = SketchNetwork(SketchConfig(decoder=decoder, **about))
    return _with(network, weights, path)


def load_writer(folder: Path) -> Writer:
    """The same of kind "writing"."""
    about, weights, path = _read(folder, "writing")
    with checkpoint.describing(path):
        characters = str(about.pop("characters"))
        network = WindowNetwork(WindowConfig(**about), len(characters))
    return Writer(_with(network, weights, path), characters)


def _read(folder: Path, kind: str) -> tuple[dict[str, Any], dict[str, Any], Path]:
    path = checkpoint_path(folder)
    saved = checkpoint.load(path, ("about", "weights"))
    about = dict(saved["about"])
    found = about.pop("kind", None)
    if found != kind:
        raise UserError(
            f"{path} is a model of kind {found}, not {kind}: give the system that it belongs to, "
            "system=…"
        )
    return about, saved["weights"], path


def _with(network: Any, weights: dict[str, Any], path: Path) -> Any:
    """The network with these weights, in eval mode."""
    assert isinstance(network, nn.Module)
    checkpoint.load_weights(network, weights, path)
    return network.eval()
