"""RoboJam (Martin & Torresen 2018): a network that answers a performance with one of its own."""

import math
from dataclasses import asdict, dataclass
from functools import partial

import torch
from torch import nn

from worldmodel.data.examples import save_examples
from worldmodel.data.sequences import SequenceData
from worldmodel.models.markov import floors
from worldmodel.run.recorder import Recorder
from worldmodel.seed import derive
from worldmodel.touch.data import TouchBatchConfig, TouchSet, touch_data, touch_steps
from worldmodel.touch.network import TouchConfig, TouchNetwork
from worldmodel.touch.picture import picture
from worldmodel.train.fit import FitConfig
from worldmodel.train.sequences import fit_and_test
from worldmodel.train.speed import step_ms

KIND = "touch"
SHOWN = 8  # performances in a picture of the log
LONGEST = 200  # touches by which their speed is measured
SECONDS = 5.0  # that a performance lasts in MicroJam


@dataclass(frozen=True)
class RoboJam:
    """A network that predicts touches, the performances that it learns from, and how.

    `examples` performances of the test split are kept beside the model, to be answered.
    """

    touches: TouchSet
    network: TouchConfig
    batches: TouchBatchConfig
    examples: int

    def __post_init__(self) -> None:
        if self.examples < 0:
            raise ValueError(f"system.examples is {self.examples}: use 0 or more")

    def train(self, fit: FitConfig, run: Recorder, device: str) -> dict[str, float]:
        """Train the network; returns nats per touch of the test split, and what it is to beat.

        A density over (dx, dy, dt) in fractions of the screen and seconds, with noise over the
        lattices, of every touch but the first.
        """
        sequences = self.touches.load()
        quantum, time_quantum = self.touches.quantum, self.touches.time_quantum
        data = touch_data(sequences, quantum, time_quantum, self.batches, run.seed)
        torch.manual_seed(derive(run.seed, "fit", 0, 2))
        model = TouchNetwork(self.network)
        start(model, data, run.seed)
        save_examples(run.folder, sequences, self.examples)
        figures = fit_and_test(
            model,
            data,
            fit,
            run,
            about={"kind": KIND, **asdict(self.network)},
            device=device,
            picture=partial(_log_futures, run, data),
        )
        begun = torch.full((1, 3), 0.5)
        figures["step_ms"] = step_ms(
            lambda: len(model.generate(begun, 1, math.inf, longest=LONGEST)[0])
        )
        return figures | _floors(data, run.seed) | {"quantum": quantum}


def start(model: TouchNetwork, data: SequenceData, seed: int) -> None:
    """Take units and the mixture's start from training performances."""
    batches = data.batches(0)
    steps = []
    for batch in (next(batches) for _ in range(16)):
        rows = torch.where(batch["mask"].unsqueeze(-1), batch["rows"], torch.ones(()))
        steps.append(model.steps(rows)[batch["mask"][:, 1:]])
    found = torch.cat(steps)
    model.mean.copy_(found.mean(0))
    model.deviation.copy_(found.std(0))
    generator = torch.Generator().manual_seed(derive(seed, "fit", 0, 3))
    standard = (found - model.mean) / model.deviation
    model.sequence.heads["step"].init_from(standard, generator)  # type: ignore[operator]


def _floors(data: SequenceData, seed: int) -> dict[str, float]:
    train, _ = touch_steps(data, "train")
    test, log_time = touch_steps(data, "test")
    found = floors(train, test, seed)
    jacobian = float(log_time.mean())  # from a density over log dt to one over dt
    return {
        "gaussian_floor": found.gaussian + jacobian,
        "mixture_floor": found.mixture + jacobian,
        "markov_floor": found.markov + jacobian,
    }


def _log_futures(run: Recorder, data: SequenceData, model: nn.Module, step: int) -> None:
    """Ways to go on after a performance that validates."""
    assert isinstance(model, TouchNetwork)
    batch = list(data.holdout())[-1]
    begun = batch["rows"][0][batch["mask"][0]][:100].to(model.mean.device)
    generator = torch.Generator(model.mean.device).manual_seed(run.seed)
    drawn = model.eval().generate(begun, SHOWN, SECONDS, generator=generator)
    pairs = [(begun.cpu().numpy(), each.cpu().numpy()) for each in drawn]
    run.log().image(step, "futures", picture(pairs))
