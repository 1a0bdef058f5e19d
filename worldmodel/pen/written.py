"""What became of lines that a network wrote: whether they end, and whether they can be read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from worldmodel.mdn import Temperature
from worldmodel.pen.letters import ALPHABET, hershey_hands, omniglot_hands
from worldmodel.pen.reader import LetterPictures, Reader, draw_letters, letter_picture
from worldmodel.pen.strokes import DOWN
from worldmodel.pen.text import read_texts
from worldmodel.pen.window import WindowNetwork, Written
from worldmodel.run.recorder import Recorder
from worldmodel.seed import derive
from worldmodel.train.fit import FitConfig, fit, take_best
from worldmodel.types import FloatArray, IntArray

BATCH = 50  # lines written together
STEPS_PER_CHARACTER = 60  # after which a line is given up


@dataclass(frozen=True)
class ReaderConfig:
    """The reader of letters: how many pictures of each it learns from and is tested on.

    It learns from the letters of the persons and faces that train; those who validate choose its
    weights, and it is tested on the letters of those who test.
    """

    count: int
    held_out: int
    batch_size: int
    fit: FitConfig

    def __post_init__(self) -> None:
        if min(self.count, self.held_out, self.batch_size) < 1:
            raise ValueError("reader.count, held_out and batch_size must be at least 1")


def judge(
    model: WindowNetwork,
    characters: str,
    texts: Sequence[str],
    temperature: Temperature,
    reader: ReaderConfig | None,
    run: Recorder,
    device: str,
) -> dict[str, float]:
    """Write texts and look at them; returns shares of lines and letters.

    `ended` is the share of lines in which the window came to the end of the text with the last
    character seen before, `monotone` that in which the character that it saw most of never went
    back, and `both` that of both. `letters_read` is the share of letters that the reader reads
    right, and `real_letters_read` its share of letters that persons drew whom it has not seen.
    """
    lines = write_all(model, texts, characters, temperature, run.seed)
    ended = np.array([_ends(line, text) for line, text in zip(lines, texts, strict=True)])
    monotone = np.array([_monotone(line) for line in lines])
    figures = {
        "lines_written": float(len(lines)),
        "ended": float(ended.mean()),
        "monotone": float(monotone.mean()),
        "ended_and_monotone": float((ended & monotone).mean()),
    }
    if reader is None:
        return figures
    network, real = train_reader(reader, run, device)
    right = total = 0
    for line, text in zip(lines, texts, strict=True):
        letters = letters_in(line.steps, line.owner, text)
        drawn = {i: letter_picture(s) for i, s in letters.items() if text[i] in ALPHABET}
        read = network.read(np.stack(list(drawn.values()))) if drawn else ""
        right += sum(text[i] == found for i, found in zip(drawn, read, strict=True))
        total += sum(letter in ALPHABET for letter in text)
    return figures | {"letters_read": right / max(total, 1), "real_letters_read": real}


@dataclass(frozen=True, eq=False)
class Line:
    """A line: steps (T, 3), the place in the text that each is of (T,), and whether it ended."""

    steps: FloatArray
    owner: IntArray
    ended: bool


def write_all(
    model: WindowNetwork,
    texts: Sequence[str],
    characters: str,
    temperature: Temperature,
    seed: int,
) -> list[Line]:
    """Write each text once, many at a time."""
    generator = torch.Generator(model.scale.device).manual_seed(derive(seed, "test", 1))
    lines: list[Line] = []
    for first in range(0, len(texts), BATCH):
        some = list(texts[first : first + BATCH])
        longest = STEPS_PER_CHARACTER * max(map(len, some))
        read = read_texts(model, some, characters)
        lines += _lines(model.write(read, longest, temperature, generator=generator))
    return lines


def train_reader(config: ReaderConfig, run: Recorder, device: str) -> tuple[Reader, float]:
    """A reader, and its share of right letters of persons whom it has not seen."""
    hands = [*omniglot_hands(), *hershey_hands()]
    train, valid, test = ([hand for hand in hands if hand.split == split] for split in range(3))
    data = LetterPictures(train, config.count, valid, config.held_out, config.batch_size, run.seed)
    subrun = run.subrun("reader")
    torch.manual_seed(derive(run.seed, "fit", 0, 4))
    network = Reader()
    fit(network, data, config.fit, subrun, about={"kind": "reader"}, device=device)
    take_best(network, subrun)
    rng = np.random.default_rng(derive(run.seed, "test", 3))
    pictures, numbers = draw_letters(test, config.held_out, rng, warp=0.0)
    read = network.read(pictures)
    right = [ALPHABET[i] == found for i, found in zip(numbers.tolist(), read, strict=True)]
    return network, float(np.mean(right))


def letters_in(steps: FloatArray, owner: IntArray, text: str) -> dict[int, list[FloatArray]]:
    """The strokes of each letter of a text by its place: a stroke is of the letter that most of its
    points are of; a space has none.
    """
    places = np.concatenate([np.zeros((1, 2)), np.cumsum(steps[:, :2], 0)])
    found: dict[int, list[FloatArray]] = {}
    begin = 0
    for end in [*np.flatnonzero(steps[:, 2] > DOWN).tolist(), len(steps) - 1]:
        # A stroke begins at the point that the pen moved to while lifted.
        stroke = places[begin + (1 if begin else 0) : end + 2]
        owners = owner[begin : end + 1]
        if len(stroke) and len(owners):
            letter = int(np.bincount(owners).argmax())
            if text[letter] != " ":
                found.setdefault(letter, []).append(stroke.astype(np.float32))
        begin = end + 1
        if begin >= len(steps):
            break
    return found


def _lines(written: Written) -> list[Line]:
    lines = []
    for steps, window, ended in zip(
        written.steps, written.window, written.ended.tolist(), strict=True
    ):
        owner = window[:, :-1].argmax(-1) if len(window) else torch.zeros(0, dtype=torch.int64)
        lines.append(Line(steps.cpu().numpy(), owner.cpu().numpy(), ended))
    return lines


def _ends(line: Line, text: str) -> bool:
    return line.ended and len(line.owner) > 0 and int(line.owner[-1]) == len(text) - 1


def _monotone(line: Line) -> bool:
    return bool((np.diff(line.owner) >= 0).all())
