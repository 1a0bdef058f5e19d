"""IAM-OnDB (Liwicki & Bunke 2005): lines of English handwriting, from files that a user has."""

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from worldmodel.data.sequences import SPLITS, Sequences, concat
from worldmodel.pen.strokes import simplify, to_steps
from worldmodel.types import FloatArray, UserError

LINE = re.compile(r"(([a-z]\d\d)-\d+\w?)-(\d+)\.xml")  # a line's file: form, its text, number
CROSSED_OUT = "%" * 11  # stands for a line break in some texts
HELD_OUT = 10  # one text of so many validates, and one tests


@dataclass(frozen=True)
class IamOnDb:
    """Lines of handwriting with their text: labels `text`.

    `folder` holds `lineStrokes/` and `ascii/` as they come. Texts are written by several persons:
    lines are split by the text that they are of, so no held-out text is in the training data.
    `tolerance` is that of simplification, 0 for none, and `quantum` the width of the noise that
    hides the lattice of the whiteboard, both in its units. Lines without a text are left out.
    """

    folder: str
    tolerance: float
    quantum: float

    def load(self) -> Sequences:
        """The lines as steps.

        Raises:
            UserError: if a folder or a form's text is missing, or a file is damaged.
        """
        root = Path(self.folder)
        paths = sorted((root / "lineStrokes").rglob("*.xml"))
        if not paths:
            raise UserError(
                f"{root / 'lineStrokes'} has no XML files: give the folder in which IAM-OnDB's "
                "lineStrokes and ascii lie."
            )
        items, texts, split = [], [], []
        written: dict[Path, list[str]] = {}
        forms: dict[str, int] = {}
        untold = 0
        for path in paths:
            found = LINE.fullmatch(path.name)
            place = _text_path(root, path)
            if place not in written:
                written[place] = read_text(place)
            if not found or not 1 <= int(found[3]) <= len(written[place]):
                untold += 1
                continue
            group = forms.setdefault(found[2], len(forms)) % HELD_OUT
            strokes = [self._simplified(stroke) for stroke in read_line(path)]
            items.append(to_steps(strokes))
            texts.append(written[place][int(found[3]) - 1])
            split.append(
                {HELD_OUT - 2: SPLITS["valid"], HELD_OUT - 1: SPLITS["test"]}.get(group, 0)
            )
        if untold:
            print(f"{untold} lines of {len(paths)} have no text: left out", flush=True)
        return concat(items, split, {"text": np.array(texts)})

    def _simplified(self, stroke: FloatArray) -> FloatArray:
        return simplify(stroke, self.tolerance) if self.tolerance > 0 else stroke


def read_line(path: Path) -> list[FloatArray]:
    """The strokes (points, 2) of one line's XML file.

    Raises:
        UserError: if it is damaged, or has no strokes.
    """
    try:
        root = ElementTree.parse(path).getroot()
        strokes = [
            np.array([(float(p.attrib["x"]), float(p.attrib["y"])) for p in node.iter("Point")])
            for node in root.iter("Stroke")
        ]
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        raise UserError(f"{path} is no line of IAM-OnDB: {error}.") from error
    kept = [stroke.astype(np.float32) for stroke in strokes if len(stroke)]
    if not kept:
        raise UserError(f"{path} has no strokes: fetch it again.")
    return kept


def read_text(path: Path) -> list[str]:
    """The lines that were written, from an ascii file: what follows "CSR:".

    Raises:
        UserError: if there is no such file, or it has no such part.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing: it holds the text of a form's lines.")
    _, found, rest = path.read_text(encoding="latin1").partition("CSR:")
    if not found:
        raise UserError(f"{path} has no part CSR: it is no text of IAM-OnDB.")
    lines = rest.replace(CROSSED_OUT, "\n").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _text_path(root: Path, path: Path) -> Path:
    """ascii/a01/a01-000/a01-000u.txt of lineStrokes/a01/a01-000/a01-000u-01.xml."""
    folder = root / "ascii" / path.parent.relative_to(root / "lineStrokes")
    return folder / f"{path.stem.rsplit('-', 1)[0]}.txt"
