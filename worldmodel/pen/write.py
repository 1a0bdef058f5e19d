"""A text, written as SVG."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from worldmodel.data.examples import load_examples
from worldmodel.pen.drawn import heat_of
from worldmodel.pen.load import load_writer
from worldmodel.pen.strokes import LIFT, to_strokes
from worldmodel.pen.svg import Cell, sheet, write_svg
from worldmodel.pen.text import read_texts
from worldmodel.report.figure import save
from worldmodel.report.window_map import window_map
from worldmodel.seed import derive
from worldmodel.types import UserError

INK = "#202060"
HEIGHT = 90  # pixels of a line
STEPS_PER_CHARACTER = 60  # after which writing is given up


@dataclass(frozen=True)
class Write:
    """A text in `lines` of their own, each drawn anew, with a map of what the window saw.

    `style` is the number of one of the model's examples, in whose hand they are written; null:
    whichever hand comes. `temperature` and `bias` are of the draws; one of them is null.
    """

    text: str
    lines: int
    style: int | None
    temperature: float | None
    bias: float | None

    def __post_init__(self) -> None:
        heat_of(self.temperature, self.bias)
        if self.lines < 1:
            raise ValueError(f"lines is {self.lines}: use at least 1")

    def draw(self, model: Path, to: Path, seed: int) -> list[Path]:
        """Write text.svg, and window.png and .svg of its first line; returns the files.

        Raises:
            UserError: for characters that the model never saw.
        """
        writer = load_writer(model)
        network = writer.network
        read_texts(network, [self.text], writer.characters)  # says what it can't write
        begun, said = None, ""
        if self.style is not None:
            examples = load_examples(model)
            if not 0 <= self.style < len(examples.texts):
                raise UserError(f"style={self.style}: use 0 to {len(examples.texts) - 1}.")
            steps = torch.from_numpy(examples.items[self.style].copy())
            steps[:, :2] /= network.scale
            steps[:, 2].clamp_(max=LIFT)
            begun, said = steps, examples.texts[self.style] + " "
        read = read_texts(network, [said + self.text] * self.lines, writer.characters)
        generator = torch.Generator().manual_seed(derive(seed, "dream"))
        written = network.write(
            read,
            STEPS_PER_CHARACTER * len(self.text),
            heat_of(self.temperature, self.bias),
            begun=begun,
            generator=generator,
        )
        if not bool(written.ended.all()):
            print("A line was given up before the window came to the text's end.")
        # A line that goes on in a hand begins where that one lifted the pen.
        lines = [
            to_strokes(steps.numpy(), down=begun is None) if len(steps) else []
            for steps in written.steps
        ]
        cells = [Cell(strokes, [INK] * len(strokes)) for strokes in lines]
        write_svg(to / "text.svg", sheet(cells, 1, size=HEIGHT, aspect=_aspect(lines)))
        window = written.window[0].numpy()[:, len(said) :]
        save(window_map(window, self.text, lines[0]), to, "window")
        return [to / "text.svg", to / "window.svg", to / "window.png"]


def _aspect(lines: list[list[np.ndarray]]) -> float:
    """Width of the widest line by its height."""
    found = [1.0]
    for strokes in lines:
        if strokes:
            size = np.ptp(np.concatenate(strokes), axis=0)
            found.append(float(size[0] / max(size[1], 1e-6)))
    return max(found)
