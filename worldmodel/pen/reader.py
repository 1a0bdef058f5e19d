"""A small network that reads single letters, to judge what was written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from worldmodel.pen.letters import ALPHABET, Hand
from worldmodel.pen.lines import letters_of
from worldmodel.pen.raster import draw_stroke
from worldmodel.pen.svg import fit_into
from worldmodel.seed import derive
from worldmodel.types import FloatArray, Frames, IntArray, Logs

SIZE = 32  # pixels of a letter's picture
WIDTHS = (24, 48, 96)  # channels
HIDDEN = 128
WARP = 0.15  # by which letters that it learns from are bent, in heights of an x


class Reader(nn.Module):
    """Pictures of letters to letters: three convolutions and two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((1, *WIDTHS), WIDTHS, strict=False):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        small = SIZE // 2 ** len(WIDTHS)
        layers += [nn.Flatten(), nn.Dropout(0.3), nn.Linear(WIDTHS[-1] * small**2, HIDDEN)]
        self.layers = nn.Sequential(*layers, nn.ReLU(), nn.Linear(HIDDEN, len(ALPHABET)))

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 32, 32) uint8 to logits (B, 26)."""
        logits: Tensor = self.layers(pictures.float().unsqueeze(1) / 255)
        return logits

    def loss(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Logs]:
        """Nats per letter of `pictures` (B, 32, 32) that are `letters` (B,)."""
        logits = self(batch["pictures"])
        right = (logits.argmax(-1) == batch["letters"]).float().mean()
        return nn.functional.cross_entropy(logits, batch["letters"]), {"right": right}

    @torch.no_grad()
    def read(self, pictures: Frames) -> str:
        """The likeliest letter of each picture (N, 32, 32)."""
        if not len(pictures):
            return ""
        best = self(torch.from_numpy(pictures)).argmax(-1)
        return "".join(ALPHABET[i] for i in best.tolist())


class LetterPictures:
    """Letters of some hands as they stand in lines, with their pictures.

    Args:
        hands: whose letters.
        count: how many of each letter to train on.
        held_out: hands that are not trained on.
        held_out_count: how many of each letter are held out.
        batch_size: letters in a batch.
        seed: of the letters and the batches.
    """

    def __init__(
        self,
        hands: Sequence[Hand],
        count: int,
        held_out: Sequence[Hand],
        held_out_count: int,
        batch_size: int,
        seed: int,
    ) -> None:
        self._batch_size, self._seed = batch_size, seed
        rng = np.random.default_rng(derive(seed, "train", 0, 0))
        self._train = draw_letters(hands, count, rng, WARP)
        rng = np.random.default_rng(derive(seed, "test", 0))
        self._held_out = draw_letters(held_out, held_out_count, rng, warp=0.0)

    def batches(self, start: int) -> Iterator[dict[str, Tensor]]:
        """Endless training batches from step `start` on."""
        step = start
        while True:
            rng = np.random.default_rng(derive(self._seed, "train", step, 1))
            which = rng.integers(len(self._train[1]), size=self._batch_size)
            yield _batch(self._train[0][which], self._train[1][which])
            step += 1

    def holdout(self) -> Iterable[dict[str, Tensor]]:
        """The letters of the other hands, as one batch."""
        return [_batch(*self._held_out)]


def letter_picture(strokes: Sequence[FloatArray]) -> Frames:
    """A letter (32, 32) white on black, as large as fits."""
    whole = np.zeros((SIZE, SIZE), np.uint8)
    for stroke in fit_into(strokes, SIZE, SIZE):
        draw_stroke(whole, stroke, 255, 2)
    return whole


def draw_letters(
    hands: Sequence[Hand], count: int, rng: np.random.Generator, warp: float
) -> tuple[Frames, IntArray]:
    """Pictures (N, 32, 32) and numbers (N,) of letters, every one `count` times, bent by `warp`."""
    pictures, numbers = [], []
    for number, letter in enumerate(ALPHABET):
        for i in range(count):
            hand = hands[i % len(hands)]
            (strokes,) = letters_of(letter, hand, rng, warp)
            pictures.append(letter_picture(strokes))
            numbers.append(number)
    return np.stack(pictures), np.array(numbers)


def _batch(pictures: Frames, numbers: IntArray) -> dict[str, Tensor]:
    return {"pictures": torch.from_numpy(pictures), "letters": torch.from_numpy(numbers)}
