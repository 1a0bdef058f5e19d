"""Handwriting synthesis (Graves 2013, section 5): a text, written."""

from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from worldmodel.data.examples import save_examples
from worldmodel.data.sequences import SequenceData, Sequences
from worldmodel.mdn import Temperature
from worldmodel.pen.data import BatchConfig, StrokeSet, pen_data, units
from worldmodel.pen.floor import pen_floors
from worldmodel.pen.prediction import check_counts, start_head
from worldmodel.pen.raster import picture
from worldmodel.pen.strokes import to_strokes
from worldmodel.pen.svg import Cell
from worldmodel.pen.text import alphabet, encode, read_texts, texts_of
from worldmodel.pen.window import WindowConfig, WindowNetwork
from worldmodel.pen.written import STEPS_PER_CHARACTER, ReaderConfig, judge
from worldmodel.run.recorder import Recorder
from worldmodel.seed import derive
from worldmodel.train.fit import FitConfig
from worldmodel.train.sequences import fit_and_test
from worldmodel.train.speed import step_ms
from worldmodel.types import IntArray

KIND = "writing"
SHOWN = 6  # lines in a picture of the log
LONGEST = 200  # steps of a line by which their speed is measured


@dataclass(frozen=True)
class Writing:
    """A network that writes a text, the lines that it learns from, and how.

    `strokes` needs labels `text`. `examples` lines of the test split are kept beside the model, for
    others to begin with. `samples` lines, or none, are written in the end, with `bias`, to see
    whether the window comes to their end and, where `reader` is not null, how many letters can be
    read. `keep` is "best", the weights that validate best, or "last".
    """

    strokes: StrokeSet
    network: WindowConfig
    batches: BatchConfig
    examples: int
    samples: int
    bias: float
    keep: str
    reader: ReaderConfig | None

    def __post_init__(self) -> None:
        check_counts(examples=self.examples, samples=self.samples)
        if self.keep not in ("best", "last"):
            raise ValueError(f"system.keep is {self.keep}: use best or last")
        Temperature.graves(self.bias)

    def train(self, fit: FitConfig, run: Recorder, device: str) -> dict[str, float]:
        """Train the network; returns nats per step of the test split, what it is to beat, and what
        became of the lines that it wrote.
        """
        sequences, characters = readable(self.strokes.load(), run)
        texts = texts_of(sequences)
        unit = units(sequences)
        data = writing_data(
            sequences, self.strokes.quantum, unit.scale, self.batches, characters, run.seed
        )
        steps = np.diff(sequences.offsets)[sequences.of("train")]
        rate = sum(map(len, texts[sequences.of("train")].tolist())) / float(steps.sum())
        torch.manual_seed(derive(run.seed, "fit", 0, 2))
        model = WindowNetwork(self.network, len(characters), rate)
        model.scale.fill_(unit.scale)
        start_head(model.heads["move"], data, run.seed)
        save_examples(run.folder, sequences, self.examples, texts)
        about = {"kind": KIND, **asdict(self.network), "characters": characters}
        figures = fit_and_test(
            model, data, fit, run, about=about, device=device, keep=self.keep,
            picture=partial(_log_lines, run, texts[sequences.of("valid")][:SHOWN], characters),
        )  # fmt: skip
        figures |= pen_floors(data, "lift", run.seed)
        figures |= {"quantum": self.strokes.quantum, "scale": unit.scale}
        alone = read_texts(model, [characters.strip()], characters)
        figures["step_ms"] = step_ms(lambda: len(model.write(alone, LONGEST).window[0]) + 1)
        lines = texts[sequences.of("test")][: self.samples].tolist()
        if lines:
            heat = Temperature.graves(self.bias)
            figures |= judge(model, characters, lines, heat, self.reader, run, device)
        return figures


def readable(sequences: Sequences, run: Recorder) -> tuple[Sequences, str]:
    """The lines without those held out that have characters which no line to train on has.

    And the characters. Says how many are left out.
    """
    texts = texts_of(sequences)
    characters = alphabet(texts[sequences.of("train")].tolist())
    known = np.array([set(text) <= set(characters) for text in texts.tolist()])
    if not known.all():
        run.say(f"{(~known).sum()} held-out lines have characters that training lacks: left out")
    return sequences.kept(known), characters


def writing_data(
    sequences: Sequences,
    quantum: float,
    scale: float,
    config: BatchConfig,
    characters: str,
    seed: int,
) -> SequenceData:
    """Batches of steps with their texts, `text` (B, U) and `length` (B,)."""
    whole, lengths = encode(texts_of(sequences).tolist(), characters)

    def beside(indices: IntArray) -> dict[str, Tensor]:
        length = lengths[indices]
        numbers = whole[indices, : length.max()]
        return {"text": torch.from_numpy(numbers), "length": torch.from_numpy(length)}

    return pen_data(sequences, quantum, scale, config, seed, beside)


def _log_lines(
    run: Recorder, texts: np.ndarray, characters: str, model: nn.Module, step: int
) -> None:
    """Some texts, as the network writes them."""
    assert isinstance(model, WindowNetwork)
    model.eval()
    generator = torch.Generator(model.scale.device).manual_seed(run.seed)
    read = read_texts(model, texts.tolist(), characters)
    longest = STEPS_PER_CHARACTER * max(map(len, texts.tolist()))
    written = model.write(read, longest, Temperature.graves(1.0), generator=generator)
    cells = []
    for steps in written.steps:
        strokes = to_strokes(steps.cpu().numpy()) if len(steps) else []
        cells.append(Cell(strokes, ["#202060"] * len(strokes)))
    run.log().image(step, "written", picture(cells, 1, 60, 12.0))
