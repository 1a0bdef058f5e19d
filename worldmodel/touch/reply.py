"""A reply to a performance: five seconds in, five seconds out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from worldmodel.data.examples import load_examples
from worldmodel.mdn import Temperature
from worldmodel.run import checkpoint
from worldmodel.run.checkpoint import atomic
from worldmodel.run.layout import checkpoint_path
from worldmodel.run.picture_file import write_png
from worldmodel.seed import derive
from worldmodel.touch.csv_file import read_csv, write_csv
from worldmodel.touch.network import TouchConfig, TouchNetwork
from worldmodel.touch.picture import picture, swipes
from worldmodel.touch.robojam import KIND
from worldmodel.touch.sound import write_wav
from worldmodel.types import FloatArray, UserError

TRIES = 5  # replies that are drawn, of which the first that has a touch is given
SIZE, MARGIN = 240, 10  # of a performance in SVG, in pixels
CALL, RESPONSE = "#285ac8", "#d23228"


@dataclass(frozen=True)
class Reply:
    """Replies to the model's own examples, or to a performance of the user's in the file `call`.

    `count` calls, or one, get a reply of `seconds` each, after the last so many seconds of the
    call. `mixture_temperature` and `scale_temperature` are of the draws, see `Temperature`.
    """

    call: str | None
    count: int
    seconds: float
    mixture_temperature: float
    scale_temperature: float

    def __post_init__(self) -> None:
        if self.count < 1 or not self.seconds > 0:
            raise ValueError(f"count is {self.count}, seconds {self.seconds}: use positive ones")
        Temperature(self.mixture_temperature, self.scale_temperature)

    def draw(self, model: Path, to: Path, seed: int) -> list[Path]:
        """Write replies.svg and .png, and of each call and reply a CSV file, and a WAV of both."""
        network = load_touch(model)
        generator = torch.Generator().manual_seed(derive(seed, "dream"))
        heat = Temperature(self.mixture_temperature, self.scale_temperature)
        pairs: list[tuple[FloatArray, FloatArray]] = []
        for call in self._calls(model):
            begun = torch.from_numpy(playable(call))
            drawn = network.generate(begun, TRIES, self.seconds, heat, generator=generator)
            # Some draws are a pause that outlasts the reply.
            answer = next((each for each in drawn if len(each)), drawn[0])
            pairs.append((call, answer.numpy()))
        written = [to / "replies.svg", to / "replies.png"]
        with atomic(written[0], "w") as file:
            file.write(as_svg(pairs))
        write_png(written[1], picture(pairs))
        for i, (call, reply) in enumerate(pairs):
            both = np.concatenate([call, reply])
            names = [to / f"call{i}.csv", to / f"reply{i}.csv", to / f"both{i}.wav"]
            write_csv(names[0], call)
            write_csv(names[1], reply)
            write_wav(names[2], both, float(both[1:, 2].sum()) + 0.5)
            written += names
        return written

    def _calls(self, model: Path) -> list[FloatArray]:
        if self.call is not None:
            return [last_seconds(read_csv(Path(self.call)), self.seconds)]
        items = load_examples(model).items[: self.count]
        return [last_seconds(item, self.seconds) for item in items]


def load_touch(folder: Path) -> TouchNetwork:
    """The network that RoboJam left in a stage's folder.

    Raises:
        UserError: if there is none, or it is of another kind.
    """
    path = checkpoint_path(folder)
    saved = checkpoint.load(path, ("about", "weights"))
    about = dict(saved["about"])
    found = about.pop("kind", None)
    if found != KIND:
        raise UserError(f"{path} is a model of kind {found}, not {KIND}: give its own system=…")
    with checkpoint.describing(path):
        network = TouchNetwork(TouchConfig(**about))
    checkpoint.load_weights(network, saved["weights"], path)
    return network.eval()


def last_seconds(touches: FloatArray, seconds: float) -> FloatArray:
    """The touches (T, 3) of the last so many seconds, at least one."""
    left = np.cumsum(touches[::-1, 2])[::-1] - touches[:, 2]
    return touches[left <= seconds]


def playable(touches: FloatArray) -> FloatArray:
    """Touches whose times have a logarithm."""
    found = touches.copy()
    found[:, 2] = np.maximum(found[:, 2], 1e-3)
    return found


def as_svg(pairs: list[tuple[FloatArray, FloatArray]]) -> str:
    """Calls in blue and replies in red, side by side."""
    body = []
    for i, (call, reply) in enumerate(pairs):
        left = i * SIZE
        body.append(
            f'<rect x="{left + 2}" y="2" width="{SIZE - 4}" height="{SIZE - 4}" stroke="#ddd"/>'
        )
        for touches, color in ((call, CALL), (reply, RESPONSE)):
            for swipe in swipes(touches):
                points = MARGIN + swipe[:, :2] * (SIZE - 2 * MARGIN) + (left, 0)
                points = np.repeat(points, 2, 0) if len(points) == 1 else points
                drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
                body.append(f'<polyline points="{drawn}" stroke="{color}"/>')
    wide = len(pairs) * SIZE
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {SIZE}">',
            '<rect width="100%" height="100%" fill="white"/>',
            '<g fill="none" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">',
            *body,
            "</g></svg>",
            "",
        ]
    )
