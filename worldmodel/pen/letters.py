"""Letters that lines are composed of: by hand, from Omniglot, and from Hershey's fonts."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from worldmodel.pen.omniglot import timed
from worldmodel.pen.strokes import simplify
from worldmodel.run.layout import install_command
from worldmodel.types import FloatArray, UserError

ALPHABET = "abcdefghijklmnopqrstuvwxyz"
LATIN = "Latin"  # of Omniglot's alphabets
FACES = ("scripts", "cursive", "futural", "rowmans")  # of one line, not of outlines
HERSHEY = (
    "The Hershey Fonts were originally created by Dr. A. V. Hershey while working at the U. S. "
    "National Bureau of Standards. The format of the Font data in this distribution was originally "
    "created by James Hurt, Cognition, Inc., 900 Technology Park Drive, Billerica, MA 01821 "
    "(mit-eddie!ci-dandelion!hurt)"
)
# How far letters reach above and below the line that they stand on, by the height of an x.
EXTENTS = {
    **dict.fromkeys("acemnorsuvwxz", (1.0, 0.0)),
    **dict.fromkeys("bdfhkl", (1.7, 0.0)),
    **dict.fromkeys("gpqy", (1.0, 0.7)),
    "t": (1.5, 0.0),
    "i": (1.45, 0.0),
    "j": (1.45, 0.7),
}
WIDEST = 2.2  # heights of an x
# Of simplification, in heights of an x: a hand has each letter once for each of them, so that no
# network learns the very points by heart.
TOLERANCES = (0.03, 0.045, 0.06, 0.08, 0.1)


@dataclass(frozen=True, eq=False)
class Hand:
    """One person's letters, or one face's: strokes (points, 2) of each, in heights of an x.

    y points down and is 0 on the line that letters stand on; x begins at 0. A hand has each letter
    in several simplifications. `split` is 0, 1 or 2: hands are held out whole.
    """

    name: str
    split: int
    letters: dict[str, list[list[FloatArray]]]


def omniglot_hands() -> list[Hand]:
    """The 20 persons who drew Omniglot's Latin letters.

    Their pictures do not say where the line is: each letter is moved and scaled to reach as far
    above and below it as `EXTENTS` says.
    """
    arrays = timed()
    names = [str(name) for name in arrays["alphabet_names"]]
    which = np.flatnonzero(arrays["alphabet"] == names.index(LATIN))
    hands: dict[int, Hand] = {}
    for drawing in which:
        drawer = int(arrays["drawer"][drawing])
        split = int(arrays["split"][drawing])
        hand = hands.setdefault(drawer, Hand(f"drawer{drawer}", split, {}))
        letter = ALPHABET[int(arrays["character"][drawing]) - 1]
        hand.letters.setdefault(letter, []).extend(_by_hand(arrays, int(drawing), letter))
    return [hands[drawer] for drawer in sorted(hands)]


def hershey_hands() -> list[Hand]:
    """Hershey's faces that draw each letter as a pen would.

    Raises:
        UserError: if the package is missing.
    """
    try:
        from HersheyFonts import HersheyFonts
    except ImportError as error:
        raise UserError(
            f"Lines need the package Hershey-Fonts: {install_command('pen')}."
        ) from error
    print(HERSHEY, flush=True)
    hands = []
    for face in FACES:
        font = HersheyFonts(load_default_font=face)
        base, height = _font_lines(font)
        letters = {}
        for letter in ALPHABET:
            (glyph,) = font.glyphs_for_text(letter)
            strokes = [np.array(stroke, np.float32) for stroke in glyph.strokes]
            letters[letter] = _normalised([(s - (0, base)) / height for s in strokes])
        hands.append(Hand(face, 0, letters))
    return hands


def _by_hand(arrays: dict[str, np.ndarray], drawing: int, letter: str) -> list[list[FloatArray]]:
    first, last = arrays["drawing_offsets"][drawing : drawing + 2]
    ends = arrays["stroke_offsets"][first : last + 1]
    # Their y points up.
    upright = np.array([1, -1])
    strokes = [arrays["xy"][a:b].astype(np.float64) * upright for a, b in pairwise(ends)]
    points = np.concatenate(strokes)
    above, below = EXTENTS[letter]
    size = np.maximum(np.ptp(points, axis=0), 1e-6)
    factor = min((above + below) / size[1], WIDEST / size[0])
    bottom = points[:, 1].max()
    return _normalised([(stroke - (0, bottom)) * factor + (0, below) for stroke in strokes])


def _normalised(strokes: list[FloatArray]) -> list[list[FloatArray]]:
    """Strokes that begin at x = 0, in several simplifications."""
    left = np.array([min(stroke[:, 0].min() for stroke in strokes), 0])
    moved = [(stroke - left).astype(np.float32) for stroke in strokes]
    return [[simplify(stroke, tolerance) for stroke in moved] for tolerance in TOLERANCES]


def _font_lines(font: object) -> tuple[float, float]:
    """Where the line is that letters stand on, and the height of an x, in the font's units."""
    (glyph,) = font.glyphs_for_text("x")  # type: ignore[attr-defined]
    y = [point[1] for stroke in glyph.strokes for point in stroke]
    return max(y), max(y) - min(y)
