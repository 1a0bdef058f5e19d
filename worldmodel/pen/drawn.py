"""What `draw` makes of a trained system: files in a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from worldmodel.data.examples import NAME, load_examples
from worldmodel.mdn import Temperature
from worldmodel.pen.load import load_pen, load_sketch
from worldmodel.pen.own import read_drawing
from worldmodel.pen.raster import picture
from worldmodel.pen.strokes import DOWN, END, LIFT, to_strokes
from worldmodel.pen.svg import Cell, order_colors, sheet, write_svg
from worldmodel.run.picture_file import write_png
from worldmodel.seed import derive
from worldmodel.types import FloatArray, UserError

GIVEN, DRAWN = "#303030", "#c02020"  # what was there, and what the network drew


def cells_of(drawings: Sequence[FloatArray]) -> list[Cell]:
    """Drawings (T, 3) with strokes coloured by their order."""
    strokes = [to_strokes(steps) for steps in drawings]
    return [Cell(each, order_colors(len(each))) for each in strokes]


def write_sheet(folder: Path, name: str, cells: Sequence[Cell], columns: int) -> list[Path]:
    """<name>.svg and <name>.png."""
    svg, png = folder / f"{name}.svg", folder / f"{name}.png"
    write_svg(svg, sheet(cells, columns))
    write_png(png, picture(cells, columns))
    return [svg, png]


@dataclass(frozen=True)
class Sheet:
    """A sheet of characters that do not exist, strokes coloured by their order.

    `count` characters in so many `columns`, drawn at `temperature`. Where `animate` is true, a
    second file draws them stroke by stroke.
    """

    count: int
    columns: int
    longest: int
    temperature: float
    animate: bool

    def __post_init__(self) -> None:
        _check(count=self.count, columns=self.columns, longest=self.longest)
        Temperature.of(self.temperature)

    def draw(self, model: Path, to: Path, seed: int) -> list[Path]:
        """Write the sheet; returns its files."""
        network = load_pen(model)
        generator = torch.Generator().manual_seed(derive(seed, "dream"))
        drawn = network.generate(self.count, self.longest, self.temperature, generator=generator)
        cells = cells_of([steps.numpy() for steps in drawn])
        written = write_sheet(to, "sheet", cells, self.columns)
        if self.animate:
            written.append(to / "animated.svg")
            write_svg(written[-1], sheet(cells, self.columns, animate=True))
        return written


@dataclass(frozen=True)
class GoOn:
    """Begun drawings, and ways to go on with them.

    The drawings are `rows` of the model's own examples, or those in the file `begun`; a network
    sees the first `share` of their steps and goes on for as many as they had; or, if it knows an
    end of a drawing, until it ends, for `longest` steps at most.
    `temperature` and `bias` (Graves 2013, section 5.4) are of the draws; one of them is null.
    """

    rows: int
    columns: int
    share: float
    begun: str | None
    longest: int
    temperature: float | None
    bias: float | None

    def __post_init__(self) -> None:
        _check(rows=self.rows, columns=self.columns, longest=self.longest)
        heat_of(self.temperature, self.bias)
        if not 0 < self.share <= 1:
            raise ValueError(f"share is {self.share}: use more than 0 and at most 1")

    def draw(self, model: Path, to: Path, seed: int) -> list[Path]:
        """Write a sheet, one begun drawing a row; returns its files."""
        network = load_pen(model)
        generator = torch.Generator().manual_seed(derive(seed, "dream"))
        heat = heat_of(self.temperature, self.bias)
        cells: list[Cell] = []
        for whole in begun_drawings(self.begun, model, self.rows):
            keep = max(1, round(self.share * len(whole)))
            given = torch.from_numpy(whole[:keep].copy())
            given[:, :2] /= network.scale
            given[:, 2].clamp_(max=LIFT)
            left = self.longest if network.config.pen == "state" else max(len(whole) - keep, 4)
            drawn = network.generate(self.columns - 1, left, heat, begun=given, generator=generator)
            cells.append(Cell(real := to_strokes(whole), [GIVEN] * len(real)))
            cells += [continued(steps.numpy(), keep) for steps in drawn]
        return write_sheet(to, "go_on", cells, self.columns)


def continued(steps: FloatArray, given: int) -> Cell:
    """Steps (T, 3) in two colours: what was given, and what was drawn."""
    before = to_strokes(_ended(steps[:given]))
    whole = to_strokes(steps)
    # The stroke in which the network takes over is in both colours.
    after = whole[len(before) - 1 :] if given else whole
    cut = len(before[-1]) - 1 if given else 0
    lifted = bool(given) and steps[given - 1, 2] != DOWN
    rest = after[1:] if lifted or not after else [after[0][cut:], *after[1:]]
    if given == len(steps):
        rest = []
    return Cell([*before, *rest], [GIVEN] * len(before) + [DRAWN] * len(rest))


def _ended(steps: FloatArray) -> FloatArray:
    closed = steps.copy()
    if len(closed):
        closed[-1, 2] = END
    return closed


def begun_drawings(begun: str | None, model: Path, rows: int) -> list[FloatArray]:
    """Drawings (T, 3): of a file, or of the model's examples.

    Raises:
        UserError: if there are none.
    """
    items = []
    if begun is None or (model / NAME).exists():
        items = [item for item in load_examples(model).items if len(item) > 4]
        if not all(np.isin(item[:, 2], (DOWN, LIFT, END)).all() for item in items):
            raise UserError(f"{model / NAME} holds no drawings: train the model again.")
    if begun is not None:
        drawing = read_drawing(Path(begun))
        sizes = [_extent(item) for item in items]
        if sizes:  # as large as what the model knows
            drawing[:, :2] *= float(np.median(sizes)) / max(_extent(drawing), 1e-9)
        return [drawing]
    items = items[:rows]
    if not items:
        raise UserError(f"{model} has no examples that could be begun: give a drawing, begun=…")
    return items


def _extent(steps: FloatArray) -> float:
    """Width or height, whichever is more."""
    places = np.concatenate([np.zeros((1, 2)), np.cumsum(steps[:, :2], 0)])
    return float(np.ptp(places, axis=0).max())


@dataclass(frozen=True)
class Sketches:
    """What the sketch VAE makes of drawings: four sheets.

    `columns` of the model's own examples, or a file `begun`, are drawn again; two of them are
    interpolated in `columns` steps; one is drawn again at each of `temperatures`; and the first
    `share` of each, which is all that is encoded then, is completed.
    """

    columns: int
    temperature: float
    temperatures: list[float]
    share: float
    begun: str | None
    longest: int

    def __post_init__(self) -> None:
        _check(columns=self.columns, longest=self.longest)
        if not 0 < self.share <= 1:
            raise ValueError(f"share is {self.share}: use more than 0 and at most 1")
        for heat in (self.temperature, *self.temperatures):
            Temperature.of(heat)
        if self.columns < 2 or not self.temperatures:
            raise ValueError("columns must be at least 2, and temperatures hold at least one")

    def draw(self, model: Path, to: Path, seed: int) -> list[Path]:
        """Write the sheets; returns their files."""
        network = load_sketch(model)
        generator = torch.Generator().manual_seed(derive(seed, "dream"))
        real = begun_drawings(self.begun, model, self.columns)
        steps = [torch.from_numpy(each.copy()) for each in real]
        for each in steps:
            each[:, :2] /= network.scale
        with torch.no_grad():
            means = [network.encode(s[None], torch.ones(1, len(s), dtype=torch.bool))[0][0]
                     for s in steps]  # fmt: skip
        z = torch.stack(means)

        def again(which: torch.Tensor, heat: float, begun: torch.Tensor | None = None) -> list:
            drawn = network.draw(which, self.longest, heat, begun=begun, generator=generator)
            return [one.numpy() for one in drawn]

        plain = [Cell(s := to_strokes(each), [GIVEN] * len(s)) for each in real]
        written = write_sheet(
            to, "reconstruction", [*plain, *cells_of(again(z, self.temperature))], len(real)
        )
        if len(z) > 1:
            between = [spherical(z[0], z[1], i / (self.columns - 1)) for i in range(self.columns)]
            drawn = again(torch.stack(between), self.temperature)
            written += write_sheet(to, "interpolation", cells_of(drawn), self.columns)
        column = [again(z[:1], heat)[0] for heat in self.temperatures]
        labelled = [
            Cell(cell.strokes, cell.colors, f"{heat:g}")
            for cell, heat in zip(cells_of(column), self.temperatures, strict=True)
        ]
        written += write_sheet(to, "temperature", labelled, len(labelled))
        completed = []
        for one in steps:
            keep = max(1, round(self.share * len(one)))
            given = one[:keep].clone()
            given[:, 2].clamp_(max=LIFT)
            with torch.no_grad():  # of what is there, not of what is to come
                code = network.encode(given[None], torch.ones(1, keep, dtype=torch.bool))[0]
            (whole,) = again(code, self.temperature, given)
            completed.append(continued(whole, keep))
        written += write_sheet(to, "completion", [*plain, *completed], len(real))
        return written


def spherical(a: torch.Tensor, b: torch.Tensor, share: float) -> torch.Tensor:
    """From a to b on the sphere that they lie on (Shoemake 1985; White 2016)."""
    cosine = torch.nn.functional.cosine_similarity(a, b, 0).clamp(-1 + 1e-6, 1 - 1e-6)
    angle = cosine.arccos()
    parts = torch.sin((1 - share) * angle) * a + torch.sin(share * angle) * b
    return parts / angle.sin()


def heat_of(temperature: float | None, bias: float | None) -> Temperature:
    """One of the two as a temperature.

    Raises:
        ValueError: if both are given, or neither is, or one is negative.
    """
    if (temperature is None) == (bias is None):
        raise ValueError("give temperature or bias, and the other one as null")
    return Temperature.graves(bias) if bias is not None else Temperature.of(temperature)  # type: ignore[arg-type]


def _check(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} is {size}: use at least 1")
