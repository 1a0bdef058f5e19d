"""Performances as MicroJam's CSV files: time, x, y, z, moving."""

import csv
import io
from pathlib import Path

import numpy as np

from worldmodel.run.checkpoint import atomic
from worldmodel.touch.network import SWIPE
from worldmodel.touch.tiny import clean
from worldmodel.types import FloatArray, UserError

HEADER = ("time", "x", "y", "z", "moving")
PRESSURE = 38.0  # z, which the model does not know; a common one in MicroJam's own files


def write_csv(path: Path, touches: FloatArray) -> None:
    """Write touches (T, 3) of x, y and dt, times in seconds from the beginning.

    `moving` is 0 where a swipe begins.

    Raises:
        UserError: if the file can't be written.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(HEADER)
    time = np.cumsum(touches[:, 2]) - touches[0, 2] if len(touches) else []
    for i, (now, (x, y, dt)) in enumerate(zip(time, touches, strict=True)):
        moving = int(i > 0 and dt <= SWIPE)
        table.writerow([f"{now:.6f}", f"{x:.6f}", f"{y:.6f}", f"{PRESSURE:.6f}", moving])
    with atomic(path, "w") as file:
        file.write(text.getvalue())


def read_csv(path: Path) -> FloatArray:
    """Touches (T, 3) of a file that MicroJam or `write_csv` wrote; what else it has is left out.

    Raises:
        UserError: if it is missing, of another form, or has less than one touch.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        places = np.array([[float(row[name]) for name in ("time", "x", "y")] for row in rows])
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}): name a performance.") from error
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise UserError(
            f"{path} is no performance: it needs columns time, x and y of numbers ({error})."
        ) from error
    if not len(places) or not np.isfinite(places).all():
        raise UserError(f"{path} has no touches, or numbers that are not finite.")
    dt = np.diff(places[:, 0], prepend=places[0, 0])
    return clean(np.column_stack([places[:, 1:], dt]).astype(np.float32))
