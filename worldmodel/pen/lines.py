"""Lines of writing with their text, composed of letters of one hand."""

from dataclasses import dataclass

import numpy as np

from worldmodel.data.sequences import SPLITS, Sequences, concat
from worldmodel.pen.letters import ALPHABET, Hand, hershey_hands, omniglot_hands
from worldmodel.pen.strokes import to_steps
from worldmodel.seed import derive
from worldmodel.types import FloatArray

# English letters by how often they occur, in percent (Lewand 2000), so that texts look like text.
FREQUENCY = (8.2, 1.5, 2.8, 4.3, 12.7, 2.2, 2.0, 6.1, 7.0, 0.2, 0.8, 4.0, 2.4,
             6.7, 7.5, 1.9, 0.1, 6.0, 6.3, 9.1, 2.8, 1.0, 2.4, 0.2, 2.0, 0.1)  # fmt: skip
WAVES = 2  # that bend a letter
WAVE = (1.5, 4.0)  # of them: radians for one height of an x
WORD = (1, 8)  # letters of a word, at least and at most


@dataclass(frozen=True)
class Lines:
    """Composed lines as steps; labels: `text`.

    `train` lines are of the hands to train, a share of `faces` in those of Hershey's; and
    `held_out` lines each validate and test, by drawers who are not among them. Texts are random
    words of at most `longest` characters in all. Each line has a size, a slant, spaces between
    letters and words, and a wavering line of its own; where it is to train on, every letter is bent
    a little, by `warp` at most, in heights of an x: 14 persons wrote each letter once, and a
    network would learn these drawings by heart. Units are heights of an x; `quantum` is the width
    of the noise over the lattice of Omniglot's pixels.
    """

    train: int
    held_out: int
    longest: int
    faces: float
    warp: float
    quantum: float
    seed: int

    def __post_init__(self) -> None:
        if not 0 <= self.faces <= 1 or self.warp < 0:
            raise ValueError(
                f"strokes.faces is {self.faces} and warp {self.warp}: use a share, and 0 or more"
            )
        if min(self.train, self.held_out) < 1 or self.longest < WORD[1]:
            raise ValueError(
                f"strokes.train is {self.train}, held_out {self.held_out} and longest "
                f"{self.longest}: use at least 1, 1 and {WORD[1]}"
            )

    def load(self) -> Sequences:
        """The lines; the letters are fetched at the first use.

        Raises:
            UserError: if they can't be, or a package is missing.
        """
        by_hand, faces = omniglot_hands(), hershey_hands()
        items: list[FloatArray] = []
        texts: list[str] = []
        split: list[int] = []
        for name, count in zip(SPLITS, (self.train, self.held_out, self.held_out), strict=True):
            number = SPLITS[name]
            own = [hand for hand in by_hand if hand.split == number]
            share, warp = (self.faces, self.warp) if number == 0 else (0.0, 0.0)
            rng = np.random.default_rng(derive(self.seed, "split", number))
            for _ in range(count):
                kind = faces if rng.random() < share else own
                hand = kind[rng.integers(len(kind))]
                text = random_text(rng, self.longest)
                items.append(to_steps(compose(text, hand, rng, warp)))
                texts.append(text)
                split.append(number)
        return concat(items, split, {"text": np.array(texts)})


def random_text(rng: np.random.Generator, longest: int) -> str:
    """Random words, of letters as often as in English or all alike."""
    often = np.array(FREQUENCY) / sum(FREQUENCY)
    weights = 0.5 * often + 0.5 / len(ALPHABET)
    length = rng.integers(longest // 3, longest + 1)
    text = ""
    while len(text) < length:
        size = rng.integers(WORD[0], WORD[1] + 1)
        text += "".join(rng.choice(list(ALPHABET), size, p=weights)) + " "
    return text[:length].strip()


def compose(text: str, hand: Hand, rng: np.random.Generator, warp: float = 0.0) -> list[FloatArray]:
    """The strokes of a line: letters of one hand, one after the other."""
    return [stroke for strokes in letters_of(text, hand, rng, warp) for stroke in strokes]


def letters_of(
    text: str, hand: Hand, rng: np.random.Generator, warp: float = 0.0
) -> list[list[FloatArray]]:
    """The same by letters; a space has no strokes."""
    between, word = rng.uniform(0.12, 0.35), rng.uniform(0.6, 1.0)
    slant, drift, jitter = rng.uniform(-0.1, 0.35), rng.normal(0, 0.02), rng.uniform(0, 0.04)
    x, height = 0.0, 0.0
    line: list[list[FloatArray]] = []
    for letter in text:
        if letter == " ":
            x += word
            line.append([])
            continue
        drawn = hand.letters[letter][rng.integers(len(hand.letters[letter]))]
        if warp:
            drawn = bent(drawn, warp, rng)
        size = 1 + rng.normal(0, 0.04)
        width = size * max(float(stroke[:, 0].max()) for stroke in drawn)
        height = 0.7 * height + rng.normal(0, jitter)
        placed = []
        for stroke in drawn:
            points = stroke.astype(np.float64) * size
            points[:, 0] += x - slant * points[:, 1]
            points[:, 1] += height + drift * x
            placed.append(points.astype(np.float32))
        line.append(placed)
        x += width + between * rng.uniform(0.7, 1.3)
    return line


def bent(strokes: list[FloatArray], warp: float, rng: np.random.Generator) -> list[FloatArray]:
    """A letter whose plane is stretched, leant and bent by waves as long as a letter or two.

    Every wave moves a point by `warp` at most along each axis; the rest is of that order, too.
    """
    change = np.eye(2) + 1.5 * warp * rng.uniform(-1, 1, (2, 2))
    ways = rng.normal(size=(WAVES, 2))
    ways *= rng.uniform(*WAVE, (WAVES, 1)) / np.linalg.norm(ways, axis=1, keepdims=True)
    phase, far = rng.uniform(0, 2 * np.pi, WAVES), warp * rng.uniform(-1, 1, (WAVES, 2))
    moved = [stroke @ change + np.sin(stroke @ ways.T + phase) @ far for stroke in strokes]
    left = np.array([min(stroke[:, 0].min() for stroke in moved), 0])
    return [(stroke - left).astype(np.float32) for stroke in moved]
