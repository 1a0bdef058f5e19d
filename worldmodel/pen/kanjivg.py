"""KanjiVG (Apel): the strokes of Japanese characters, from the package `kanjivg`."""

import re
import unicodedata
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from worldmodel.data.download import Arrays, prepared
from worldmodel.data.sequences import Sequences, concat
from worldmodel.pen.omniglot import STEPS, from_arrays
from worldmodel.pen.strokes import simplify, to_steps
from worldmodel.run.layout import install_command
from worldmodel.types import FloatArray, IntArray, UserError

ATTRIBUTION = (
    "KanjiVG, Copyright (C) 2009-2015 Ulrich Apel, http://kanjivg.tagaini.net, CC BY-SA 3.0 "
    "(http://creativecommons.org/licenses/by-sa/3.0/); converted to simplified pen strokes"
)
UNIT = 0.01  # to which coordinates are rounded; a character is 109 wide
TOLERANCE = 1.0
CURVE_POINTS = 17  # of a cubic, with its ends
HELD_OUT = 500  # test characters, and as many valid ones
SPLIT_SEED = 2015
TOKEN = re.compile(r"[MmCcSs]|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
BASE = re.compile(r"[0-9a-f]{5}\.svg")  # without a variant's name


@dataclass(frozen=True)
class KanjiVG:
    """6,703 characters as steps, split by code point; labels: `codepoint`.

    `quantum` is the width of the noise that hides the lattice to which coordinates are rounded.
    """

    quantum: float

    def load(self) -> Sequences:
        """The characters; converted at the first use.

        Raises:
            UserError: if the package is missing.
        """
        return from_arrays(prepared("kanjivg_rdp100", _convert, *STEPS))


def _convert() -> Arrays:
    try:
        files = metadata.files("kanjivg") or []
    except metadata.PackageNotFoundError as error:
        raise UserError(f"Kanji need the package kanjivg: {install_command('pen')}.") from error
    print(ATTRIBUTION, flush=True)
    paths = sorted(str(each.locate()) for each in files if BASE.fullmatch(Path(each).name))
    codepoints = np.array([int(Path(path).stem, 16) for path in paths], np.uint32)
    items = [convert(read_strokes(Path(path))) for path in paths]
    split = split_by_codepoint(codepoints.astype(np.int64), items)
    whole = concat([item.astype(np.float32) for item in items], split)
    return {
        "steps": whole.rows.astype(np.int16),
        "offsets": whole.offsets.astype(np.int32),
        "split": whole.split,
        "codepoint": codepoints,
        "unit": np.array(UNIT),
    }


def read_strokes(path: Path) -> list[FloatArray]:
    """The strokes (points, 2) of an SVG file, in the order in which they are written.

    Raises:
        UserError: if the file is damaged.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise UserError(f"{path} is no SVG file: {error}.") from error
    return [trace(node.attrib["d"]) for node in root.iter() if node.tag.endswith("path")]


def trace(path: str) -> FloatArray:
    """Points (n, 2) along an SVG path of cubics: commands M, C and S, absolute or relative."""
    tokens = TOKEN.findall(path)
    place, control = np.zeros(2), np.zeros(2)
    points: list[FloatArray] = []
    command, i = "", 0
    while i < len(tokens):
        if tokens[i].isalpha():
            command, i = tokens[i], i + 1
            continue
        count = {"m": 2, "c": 6, "s": 4}[command.lower()]
        given = np.array([float(each) for each in tokens[i : i + count]]).reshape(-1, 2)
        i += count
        given = given + place if command.islower() else given
        if command in "Mm":
            place = control = given[0]
            points.append(place[None])
            continue
        # S: the first control point mirrors the last one of the cubic before.
        first = given[:-2] if command in "Cc" else (2 * place - control)[None]
        corners = np.concatenate([place[None], first, given[-2:]])
        points.append(_cubic(corners)[1:])
        control, place = given[-2], given[-1]
    return np.concatenate(points)


def _cubic(corners: FloatArray) -> FloatArray:
    t = np.linspace(0, 1, CURVE_POINTS)[:, None]
    weights = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3]
    return sum(weight * corner for weight, corner in zip(weights, corners, strict=True))


def convert(strokes: list[FloatArray]) -> IntArray:
    """Simplified steps (n, 3) in units of `UNIT`, pen 1 at the end of each stroke."""
    # Rounded before differences are taken: places don't drift.
    steps = to_steps([np.rint(simplify(stroke, TOLERANCE) / UNIT) for stroke in strokes])
    return np.column_stack([steps[:, :2], steps[:, 2] > 0]).astype(np.int64)


def split_by_codepoint(codepoints: IntArray, items: list[IntArray]) -> IntArray:
    """0, 1 or 2 (n,); what is drawn alike, or one character to Unicode (NFKC), is on one side."""
    index = {int(code): i for i, code in enumerate(codepoints)}
    group = np.arange(len(items))
    drawn: dict[bytes, int] = {}
    for i, (code, item) in enumerate(zip(codepoints, items, strict=True)):
        plain = unicodedata.normalize("NFKC", chr(code))
        twins = [drawn.setdefault(item.tobytes(), i)]
        twins += [index[ord(plain)]] if len(plain) == 1 and ord(plain) in index else []
        for twin in twins:
            low, high = sorted((group[i], group[twin]))
            group[group == high] = low
    groups = np.unique(group)
    order = groups[np.random.default_rng(SPLIT_SEED).permutation(len(groups))]
    test, valid = order[:HELD_OUT], order[HELD_OUT : 2 * HELD_OUT]
    return np.where(np.isin(group, test), 2, np.where(np.isin(group, valid), 1, 0))
