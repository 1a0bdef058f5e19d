"""A drawing of the user's own, as a file."""

import json
from pathlib import Path

import numpy as np

from worldmodel.pen.strokes import simplify, to_steps
from worldmodel.types import FloatArray, UserError

TOLERANCE = 0.01  # of simplification, in parts of a drawing's width or height


def read_drawing(path: Path) -> FloatArray:
    """Steps (n, 3), simplified, of a JSON file: a list of strokes of [x, y] with y downwards.

    Raises:
        UserError: if it is missing, of another form, or draws nothing.
    """
    form = "a list of strokes, each a list of [x, y]"
    try:
        given = json.loads(path.read_text())
        strokes = [np.array(stroke, np.float32) for stroke in given]
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}): name a drawing.") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is no drawing, {form}: {error}.") from error
    if any(stroke.ndim != 2 or stroke.shape[1] != 2 for stroke in strokes if stroke.size):
        raise UserError(f"{path} is no drawing: it has to be {form}.")
    if sum(len(stroke) for stroke in strokes if stroke.size) < 2:
        raise UserError(f"{path} draws less than two points: there is nothing to go on with.")
    drawn = [stroke for stroke in strokes if stroke.size]
    if not all(np.isfinite(stroke).all() for stroke in drawn):
        raise UserError(f"{path} holds numbers that are not finite.")
    size = float(np.ptp(np.concatenate(drawn), axis=0).max())
    return to_steps([simplify(stroke, TOLERANCE * size) for stroke in drawn])
