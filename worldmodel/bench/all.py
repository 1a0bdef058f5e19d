"""All benchmarks by name."""

from collections.abc import Callable
from functools import partial

from worldmodel.bench.densities import mixture, mixture_formula
from worldmodel.bench.dreams import dream, generation
from worldmodel.bench.environments import collect, real_rollouts
from worldmodel.bench.row import Row, Setting
from worldmodel.bench.sequences import train_mdnrnn
from worldmodel.bench.vision import encode, train_vae

BENCHMARKS: dict[str, Callable[[Setting], Row]] = {
    "collect": collect,
    "train_vae": train_vae,
    "encode": encode,
    "train_mdnrnn": train_mdnrnn,
    "dream": dream,
    "dream_bf16": partial(dream, precision="bf16"),
    "real_rollouts": real_rollouts,
    "generation": generation,
    "mixture": mixture,
    "mixture_formula": mixture_formula,
}
