"""Sketches: a VAE of drawings (Ha & Eck 2017)."""

from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from worldmodel.data.examples import save_examples
from worldmodel.data.sequences import SequenceData
from worldmodel.pen.data import BatchConfig, StrokeSet, pen_data, units
from worldmodel.pen.floor import pen_floors
from worldmodel.pen.prediction import check_counts, start_head
from worldmodel.pen.raster import picture
from worldmodel.pen.sketch_network import SketchConfig, SketchNetwork
from worldmodel.pen.strokes import to_strokes
from worldmodel.pen.svg import Cell, order_colors
from worldmodel.run.recorder import Recorder
from worldmodel.seed import derive
from worldmodel.train.fit import FitConfig
from worldmodel.train.sequences import fit_and_test
from worldmodel.train.speed import step_ms

KIND = "sketch"
SHOWN = 10  # drawings in a picture of the log
LONGEST = 200  # steps of one of them


@dataclass(frozen=True)
class Sketch:
    """A VAE of drawings, the drawings that it learns from, and how.

    `examples` drawings of the test split are kept beside the model, for others to begin with.
    """

    strokes: StrokeSet
    network: SketchConfig
    batches: BatchConfig
    examples: int

    def __post_init__(self) -> None:
        check_counts(examples=self.examples)

    def train(self, fit: FitConfig, run: Recorder, device: str) -> dict[str, float]:
        """Train the VAE; returns nats per step of the test split, of drawing and z apart.

        `nats` are both, a bound of what the drawings cost. `reconstruction` is L_R per real step,
        and `published_lr` per step of drawings padded to the longest of the set, as in the paper,
        but without what padding costs; `kl_per_dim` is its L_KL.
        """
        sequences = self.strokes.load()
        unit = units(sequences)
        data = pen_data(sequences, self.strokes.quantum, unit.scale, self.batches, run.seed)
        torch.manual_seed(derive(run.seed, "fit", 0, 2))
        model = SketchNetwork(self.network)
        model.decoder.scale.fill_(unit.scale)
        model.decoder.place_scale.fill_(unit.place_scale)
        start_head(model.decoder.sequence.heads["move"], data, run.seed)
        save_examples(run.folder, sequences, self.examples)
        figures = fit_and_test(
            model,
            data,
            fit,
            run,
            about={"kind": KIND, **asdict(self.network)},
            device=device,
            picture=partial(_log_reconstructions, run, data),
        )
        figures["weighted_loss"] = figures["nats"]
        figures["nats"] = figures["reconstruction"] + figures["kl"]
        lengths = np.diff(sequences.offsets)
        tested = lengths[sequences.of("test")]
        figures["published_lr"] = figures["reconstruction"] * tested.mean() / lengths.max()
        floors = pen_floors(data, self.network.decoder.pen, run.seed)
        figures |= floors | {"quantum": self.strokes.quantum, "scale": unit.scale}
        z = torch.zeros(1, self.network.z_dim)
        return figures | {"step_ms": step_ms(lambda: len(model.draw(z, LONGEST)[0]))}


def _log_reconstructions(run: Recorder, data: SequenceData, model: nn.Module, step: int) -> None:
    """Drawings that validate, and below them what is drawn of their z."""
    assert isinstance(model, SketchNetwork)
    model.eval()
    batches = list(data.holdout())
    batch = {name: part.to(model.scale.device) for name, part in batches[len(batches) // 2].items()}
    with torch.no_grad():
        z, _ = model.encode(batch["rows"][:SHOWN], batch["mask"][:SHOWN])
    generator = torch.Generator(model.scale.device).manual_seed(run.seed)
    drawn = model.draw(z, LONGEST, 0.2, generator=generator)
    cells = []
    real = [rows[mask] for rows, mask in zip(batch["rows"], batch["mask"], strict=True)]
    for steps in (*real[:SHOWN], *drawn):
        strokes = to_strokes(steps.cpu().numpy())
        cells.append(Cell(strokes, order_colors(len(strokes))))
    run.log().image(step, "reconstruction", picture(cells, SHOWN))
