"""Whether drawings that a network makes up end, and whether they are copies."""

import cv2
import numpy as np
import torch

from worldmodel.data.sequences import Sequences
from worldmodel.pen.network import PenNetwork
from worldmodel.pen.reader import SIZE, letter_picture
from worldmodel.pen.strokes import END, to_strokes
from worldmodel.seed import derive
from worldmodel.types import FloatArray

BLUR = 1.5  # pixels: how far strokes may be apart and still look alike
LONGEST = 250  # steps, after which a drawing is given up
PART = 64  # pictures compared at a time


def invent(
    model: PenNetwork, sequences: Sequences, count: int, temperature: float, seed: int
) -> dict[str, float]:
    """Draw `count` drawings and compare them with those that were trained on.

    Returns:
        `ended`, the share of drawings that came to their end; `nearest`, the median
        distance of a drawing from the nearest one of the training split, in [0, 1] (1: nothing in
        common), beside `nearest_of_real`, the same of drawings of the test split; and `copies`, the
        share of drawings nearer than all but one in a hundred of these.
    """
    generator = torch.Generator().manual_seed(derive(seed, "test", 2))
    made = model.generate(count, LONGEST, temperature, generator=generator)
    drawn = [each.numpy() for each in made]
    ended = np.array([len(each) > 0 and each[-1, 2] == END for each in drawn])
    trained = _pictures([sequences[i] for i in sequences.of("train")])
    held = [sequences[i] for i in sequences.of("test")[:count]]
    ours, real = _nearest(_pictures(drawn), trained), _nearest(_pictures(held), trained)
    return {
        "ended": float(ended.mean()),
        "nearest": float(np.median(ours)),
        "nearest_of_real": float(np.median(real)),
        "copies": float((ours < np.quantile(real, 0.01)).mean()),
    }


def _pictures(drawings: list[FloatArray]) -> FloatArray:
    """Blurred pictures (N, pixels) of length 1."""
    found = np.empty((len(drawings), SIZE * SIZE), np.float32)
    for i, steps in enumerate(drawings):
        sharp = letter_picture(to_strokes(steps)).astype(np.float32)
        found[i] = cv2.GaussianBlur(sharp, (0, 0), BLUR).ravel()
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)


def _nearest(pictures: FloatArray, others: FloatArray) -> FloatArray:
    """1 - cosine to the most similar of the others (N,)."""
    parts = [pictures[i : i + PART] for i in range(0, len(pictures), PART)]
    return np.concatenate([1 - (part @ others.T).max(1) for part in parts])
