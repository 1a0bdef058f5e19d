"""All benchmarks by name, and how they are run."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from worldmodel.bench.densities import mixture, mixture_formula, mixture_full, mixture_sample
from worldmodel.bench.dreams import dream, generation
from worldmodel.bench.environments import collect, real_rollouts
from worldmodel.bench.rendering import render
from worldmodel.bench.row import Row, Setting
from worldmodel.bench.sequences import exported_step, train_mdnrnn
from worldmodel.bench.table import benchmark_table
from worldmodel.bench.vision import encode, train_vae
from worldmodel.bench.waiting import threads
from worldmodel.run.checkpoint import save_json
from worldmodel.run.hardware import commit, hardware
from worldmodel.types import UserError

BENCHMARKS: dict[str, Callable[[Setting], Row]] = {
    "collect": collect,
    "train_vae": train_vae,
    "encode": encode,
    "train_mdnrnn": train_mdnrnn,
    "dream": dream,
    "dream_bf16": partial(dream, precision="bf16"),
    "render": render,
    "real_rollouts": real_rollouts,
    "generation": generation,
    "threads_alone": partial(threads, busy=False),
    "threads_beside_another": partial(threads, busy=True),
    "mixture": mixture,
    "mixture_formula": mixture_formula,
    "mixture_full": mixture_full,
    "mixture_sample": mixture_sample,
}
# Run where they are named: they take what not every machine has.
ON_DEMAND: dict[str, Callable[[Setting], Row]] = {"exported_step": exported_step}


def run_benchmarks(only: Sequence[str] | None, setting: Setting, path: Path) -> None:
    """Measure all, or `only` some, print the table and write it to `path` as JSON.

    Raises:
        UserError: for a name that is none of `BENCHMARKS` and `ON_DEMAND`.
    """
    known = BENCHMARKS | ON_DEMAND
    names = list(only or BENCHMARKS)
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise UserError(f"benchmark.only names {unknown}: choose from {', '.join(known)}.")
    rows = {name: known[name](setting) for name in names}
    benchmark_table(rows)
    where = {"hardware": hardware(), "device": setting.device, "commit": commit()}
    table = {name: asdict(row) | {"ratio": row.ours / row.naive} for name, row in rows.items()}
    save_json(path, where | {"sizes": asdict(setting.sizes), "rows": table})
    print(f"written to {path}")
