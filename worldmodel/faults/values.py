"""Values that a key does not take; a command says so before it makes anything."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from worldmodel.faults.call import Caller, Said, call

COMMAND = ("collect", "experiment=tiny", "env=cart_pole")
COUNT = ("0", "-1", "0.5", "many", "true", "nan", "[1]")
NUMBER = ("nan", "inf", "-inf", "many", "true", "[1]")
BAD = {
    "seed": ("0.5", "-1", "abc", "true", "null", "nan"),
    "name": ("../../x", "/x", "''", "null", "[a]", "."),
    "runs": ("null", "5"),
    "device": ("tpu", "5"),
    "logger": ("paper",),
    "upstream": ("[a]", "{a:1}"),
    "collect.episodes": COUNT,
    "collect.frames": ("0", "-1", "many", "1.5"),
    "collect.explorer_share": (*NUMBER, "-0.1", "1.1"),
    "collect.agent_noise": (*NUMBER, "-1"),
    "env.frame_skip": ("0", "-1", "1000000", "1.5", "many"),
    "env.max_episode_steps": ("0", "-1", "1.5", "many"),
    "env.crop_rows": ("[0.5,100]", "[5]", "[9,3]", "[-1,3]", "5", "[a,b]"),
    "env.obs": ("picture", "5"),
    "env.size": ("0", "many", "1.5"),
    "env.id": ("5", "null"),
    "env.kwargs": ("5", "[a]"),
    "vae.z_dim": COUNT,
    "vae.free_bits": (*NUMBER, "-1"),
    "train_vae.fit.learning_rate": (*NUMBER, "0", "-1"),
    "train_vae.fit.steps": COUNT,
    "train_vae.fit.clip_value": (*NUMBER, "0", "-1"),
    "train_vae.fit.precision": ("fp8", "8"),
    "train_vae.frames.holdout_fraction": (*NUMBER, "0", "1"),
    "encode.batch_size": ("abc", "1.5", "[1]"),
    "train_mdnrnn.baseline": ("no_thanks", "5", "[1]"),
    "train_mdnrnn.windows.length": ("1", "many", "2.5"),
    "mdnrnn.components": COUNT,
    "mdnrnn.factorization": ("none", "5"),
    "mdnrnn.log_sigma_min": (*NUMBER, "1"),
    "world.kind": ("imagined", "5"),
    "evolve.generations": COUNT,
    "evolve.max_minutes": (*NUMBER, "-1"),
    "evolve.reliability": (*NUMBER, "0", "1"),
    "evolve.cma.popsize": (*COUNT, "1"),
    "evolve.cma.sigma": (*NUMBER, "0", "-1", "1e300"),
    "backend.workers": ("-2", "many", "1.5"),
    "evaluate.episodes": COUNT,
    "evaluate.vector": ("quick", "5"),
    "evaluate.videos": ("maybe", "5"),
}


@dataclass(frozen=True)
class Refusal:
    """What a command said to one override, and whether that was one sentence that names the key."""

    label: str
    said: Said
    right: bool


def bad_overrides() -> list[str]:
    """All of BAD as a command line has them."""
    return [f"{key}={value}" for key, values in BAD.items() for value in values]


def refuse(override: str, caller: Caller = call) -> Refusal:
    """Call a command with a value that its key does not take, in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        said = caller((*COMMAND, override), Path(folder))
        made = [path for path in Path(folder).rglob("*") if path.is_file()]
    key = override.partition("=")[0]
    return Refusal(override, said, said.refuses(key.rpartition(".")[2]) and not made)
