"""Systems that predict a pen: handwriting (Graves 2013) and kanji (Ha 2015)."""

from dataclasses import asdict, dataclass
from functools import partial

import torch
from torch import nn

from worldmodel.data.examples import save_examples
from worldmodel.data.sequences import SequenceData
from worldmodel.mdn import Temperature
from worldmodel.pen.data import BatchConfig, StrokeSet, pen_data, units
from worldmodel.pen.floor import pen_floors
from worldmodel.pen.invented import invent
from worldmodel.pen.network import PenConfig, PenNetwork
from worldmodel.pen.raster import picture
from worldmodel.pen.strokes import to_strokes
from worldmodel.pen.svg import Cell, order_colors
from worldmodel.run.recorder import Recorder
from worldmodel.seed import derive
from worldmodel.train.fit import FitConfig
from worldmodel.train.sequences import fit_and_test
from worldmodel.train.speed import step_ms

KIND = "pen"
SHOWN, COLUMNS = 40, 10  # drawings in a picture of the log
LONGEST = 200  # steps of one of them


@dataclass(frozen=True)
class Prediction:
    """A network that predicts a pen, the drawings that it learns from, and how.

    `examples` drawings of the test split are kept beside the model, for others to begin with.
    `samples` are drawn in the end, as the network believes and at `temperature`, to see whether
    they end and whether they are copies; 0: none.
    """

    strokes: StrokeSet
    network: PenConfig
    batches: BatchConfig
    examples: int
    samples: int
    temperature: float

    def __post_init__(self) -> None:
        check_counts(examples=self.examples, samples=self.samples)
        Temperature.of(self.temperature)

    def train(self, fit: FitConfig, run: Recorder, device: str) -> dict[str, float]:
        """Train the network; returns nats per step of the test split, and what it is to beat.

        Steps are in units of the training deviation, with noise over the lattice.
        """
        sequences = self.strokes.load()
        unit = units(sequences)
        data = pen_data(sequences, self.strokes.quantum, unit.scale, self.batches, run.seed)
        torch.manual_seed(derive(run.seed, "fit", 0, 2))
        model = PenNetwork(self.network)
        model.scale.fill_(unit.scale)
        model.place_scale.fill_(unit.place_scale)
        start_head(model.sequence.heads["move"], data, run.seed)
        save_examples(run.folder, sequences, self.examples)
        figures = fit_and_test(
            model,
            data,
            fit,
            run,
            about={"kind": KIND, **asdict(self.network)},
            device=device,
            picture=partial(_log_sheet, run),
        )
        floors = pen_floors(data, self.network.pen, run.seed)
        figures |= floors | {"quantum": self.strokes.quantum, "scale": unit.scale}
        figures["step_ms"] = step_ms(lambda: len(model.generate(1, LONGEST)[0]))
        if self.samples:
            figures |= invent(model, sequences, self.samples, 1.0, run.seed)
            cool = invent(model, sequences, self.samples, self.temperature, run.seed)
            figures |= {f"cool_{name}": value for name, value in cool.items()}
        return figures


def check_counts(**counts: int) -> None:
    """See that these are no less than 0.

    Raises:
        ValueError: naming the one that is.
    """
    for name, count in counts.items():
        if count < 0:
            raise ValueError(f"system.{name} is {count}: use 0 or more")


def start_head(head: nn.Module, data: SequenceData, seed: int) -> None:
    """Start a mixture from the moves of some training drawings, not from random numbers."""
    generator = torch.Generator().manual_seed(derive(seed, "fit", 0, 3))
    batches = data.batches(0)
    moves = [batch["rows"][batch["mask"]][:, :2] for batch in (next(batches) for _ in range(8))]
    head.init_from(torch.cat(moves), generator)  # type: ignore[operator]


def _log_sheet(run: Recorder, model: nn.Module, step: int) -> None:
    """A sheet of what the network draws by itself."""
    assert isinstance(model, PenNetwork)
    generator = torch.Generator(model.scale.device).manual_seed(run.seed)
    drawn = model.eval().generate(SHOWN, LONGEST, 0.5, generator=generator)
    cells = []
    for steps in drawn:
        strokes = to_strokes(steps.cpu().numpy())
        cells.append(Cell(strokes, order_colors(len(strokes))))
    run.log().image(step, "drawn", picture(cells, COLUMNS))
