"""Pictures on disk, whole or not at all."""

from pathlib import Path

import cv2

from worldmodel.run.checkpoint import atomic
from worldmodel.types import Frames


def write_png(path: Path, picture: Frames) -> None:
    """Write a picture (H, W, 3) uint8, red first.

    Raises:
        UserError: if the file can't be written.
    """
    _, encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    with atomic(path) as file:
        file.write(encoded.tobytes())
