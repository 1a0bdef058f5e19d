"""How long one drawn step takes."""

import time
from collections.abc import Callable

import torch

ROUNDS = 5


def step_ms(draw: Callable[[], int]) -> float:
    """Milliseconds of a step on one core; `draw` draws some, one after the other, and counts them.

    The fastest of some rounds: what else the machine does only makes it slower.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        draw()
        took = []
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            count = draw()
            took.append((time.perf_counter() - begin) / count)
        return 1000 * min(took)
    finally:
        torch.set_num_threads(threads)
