"""A drawing of the user's own, as a file."""

import json
from pathlib import Path

import numpy as np

from worldmodel.pen.strokes import to_steps
from worldmodel.types import FloatArray, UserError


def read_drawing(path: Path) -> FloatArray:
    """Steps (n, 3) of a JSON file: a list of strokes, each a list of [x, y] with y downwards.

    Raises:
        UserError: if it is missing, of another form, or draws nothing.
    """
    form = "a list of strokes, each a list of [x, y]"
    try:
        given = json.loads(path.read_text())
        strokes = [np.array(stroke, np.float32) for stroke in given]
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}): name a drawing.") from error
    except (ValueError, TypeError) as error:
        raise UserError(f"{path} is no drawing, {form}: {error}.") from error
    if any(stroke.ndim != 2 or stroke.shape[1] != 2 for stroke in strokes if stroke.size):
        raise UserError(f"{path} is no drawing: it has to be {form}.")
    if sum(len(stroke) for stroke in strokes if stroke.size) < 2:
        raise UserError(f"{path} draws less than two points: there is nothing to go on with.")
    steps = to_steps([stroke for stroke in strokes if stroke.size])
    if not np.isfinite(steps).all():
        raise UserError(f"{path} holds numbers that are not finite.")
    return steps
