"""What became of lines that a network wrote: whether they end, and whether they can be read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from worldmodel.data.sequences import SPLITS
from worldmodel.mdn import Temperature
from worldmodel.pen.letters import ALPHABET, hershey_hands, omniglot_hands
from worldmodel.pen.lines import letters_of
from worldmodel.pen.reader import LetterPictures, Reader, draw_letters, letter_picture
from worldmodel.pen.segment import KnownLine, find_lag, letters_in, window_place
from worldmodel.pen.strokes import to_steps
from worldmodel.pen.text import read_texts
from worldmodel.pen.window import WindowNetwork, Written, shifted
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
    back, and `ended_and_monotone` that of both. `letters_read` is the share of letters that the
    reader reads right: strokes are given to letters by the window alone. Of persons whom nothing
    was trained on, `real_lines_read` is the same of lines that they wrote, and `real_letters_read`
    that of letters whose strokes are known.
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
    valid, test = (
        known_lines(model, characters, texts, split, run.seed) for split in ("valid", "test")
    )
    lag = find_lag(valid)
    figures |= {"window_lag": lag, "real_letters_read": real}
    theirs = [(line.steps, line.place, line.text) for line in test]
    figures["real_lines_read"] = share_read(network, theirs, lag)
    ours = [(line.steps, line.place, text) for line, text in zip(lines, texts, strict=True)]
    return figures | {"letters_read": share_read(network, ours, lag)}


@dataclass(frozen=True, eq=False)
class Line:
    """A line: steps (T, 3), what the window saw at each, and whether the text was ended.

    `owner` (T,) is the character that it saw most of, `place` (T,) where it was.
    """

    steps: FloatArray
    owner: IntArray
    place: FloatArray
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


@torch.no_grad()
def known_lines(
    model: WindowNetwork, characters: str, texts: Sequence[str], split: str, seed: int
) -> list[KnownLine]:
    """Texts as persons of a split wrote them, with where the window is as it follows them."""
    number = SPLITS[split]
    hands = [hand for hand in omniglot_hands() if hand.split == number]
    rng = np.random.default_rng(derive(seed, "test", 4, number))
    lines = []
    for i, text in enumerate(text for text in texts if set(text) <= set(ALPHABET + " ")):
        letters = letters_of(text, hands[i % len(hands)], rng)
        steps = to_steps([stroke for strokes in letters for stroke in strokes])
        owner = [place for place, strokes in enumerate(letters) for _ in strokes]
        shown = torch.from_numpy(steps.copy()).to(model.scale)
        shown[:, :2] /= model.scale
        _, window, _ = model(shifted(shown[None]), read_texts(model, [text], characters))
        place = window_place(window[0].cpu().numpy())
        lines.append(KnownLine(steps, place, text, np.array(owner)))
    return lines


def share_read(
    reader: Reader, lines: Sequence[tuple[FloatArray, FloatArray, str]], lag: float
) -> float:
    """The share of letters of lines (steps, window places, text) that are read right."""
    right = total = 0
    for steps, place, text in lines:
        letters = letters_in(steps, place, text, lag) if len(steps) else {}
        drawn = {i: letter_picture(s) for i, s in letters.items() if text[i] in ALPHABET}
        read = reader.read(np.stack(list(drawn.values()))) if drawn else ""
        right += sum(text[i] == found for i, found in zip(drawn, read, strict=True))
        total += sum(letter in ALPHABET for letter in text)
    return right / max(total, 1)


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


def _lines(written: Written) -> list[Line]:
    lines = []
    for steps, window, ended in zip(
        written.steps, written.window, written.ended.tolist(), strict=True
    ):
        owner = window[:, :-1].argmax(-1) if len(window) else torch.zeros(0, dtype=torch.int64)
        place = window_place(window.cpu().numpy())
        lines.append(Line(steps.cpu().numpy(), owner.cpu().numpy(), place, ended))
    return lines


def _ends(line: Line, text: str) -> bool:
    return line.ended and len(line.owner) > 0 and int(line.owner[-1]) == len(text) - 1


def _monotone(line: Line) -> bool:
    return bool((np.diff(line.owner) >= 0).all())
