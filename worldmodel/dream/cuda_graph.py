"""A step of the dream as one CUDA graph."""

from collections.abc import Callable

import torch

from worldmodel.dream.batch import DreamBatch

Step = Callable[[DreamBatch, torch.Generator], None]
# Before they are recorded, cuBLAS and the allocator have to have been through the same calls.
WARM_UP = 3


class Graph:
    """All kernels of a step recorded once and launched together from then on.

    A step of a thousand rollouts is dozens of kernels of a few microseconds each: one by one, a
    GPU waits for Python most of the time.

    Args:
        step: moves rollouts on in place; it may neither wait for the GPU nor depend on values.
        like: rollouts of the number and sizes that it is for; their values do not matter.
        generator: draws all random numbers of a step, as it would without a graph.
    """

    def __init__(self, step: Step, like: DreamBatch, generator: torch.Generator) -> None:
        self._memory = [tensor.clone() for tensor in like.tensors()]
        self.live = like.of(self._memory)
        other = torch.Generator(generator.device).manual_seed(0)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            spare = like.of(like.tensors())
            for _ in range(WARM_UP):
                step(spare, other)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        self._graph.register_generator_state(generator)
        with torch.cuda.graph(self._graph):
            after = like.of(self._memory)
            step(after, generator)
            for old, new in zip(self._memory, after.tensors(), strict=True):
                if new is not old:
                    old.copy_(new)

    def load(self, live: DreamBatch) -> DreamBatch:
        """Put these rollouts in the graph's place; what is returned moves on at every step."""
        for old, new in zip(self._memory, live.tensors(), strict=True):
            old.copy_(new)
        return self.live

    def step(self) -> None:
        """Move the loaded rollouts on."""
        self._graph.replay()
