"""Mean and standard deviation, one way for all. Imports nothing of the project."""

import numpy as np
from numpy.typing import ArrayLike


def mean_sd(values: ArrayLike) -> tuple[float, float]:
    """Mean and standard deviation of a sample of any shape; the latter is 0 for a single value."""
    sample = np.asarray(values)
    return float(sample.mean()), float(sample.std(ddof=1)) if sample.size > 1 else 0.0
