"""The commands that are killed, each with the stages that have to be there before it."""

import importlib.util
from dataclasses import dataclass

TINY = ("experiment=tiny", "collect.episodes=8", "train_vae.fit.steps=24",
        "train_mdnrnn.fit.steps=24", "evolve.generations=6", "evaluate.episodes=6")  # fmt: skip
WORKERS = ("backend.workers=2", "backend.envs_per_worker=2")
DREAM = ("world=dream",)


@dataclass(frozen=True)
class Case:
    """One command; it goes on from the finished `stages` of the whole pipeline."""

    command: str
    overrides: tuple[str, ...]
    stages: tuple[str, ...] = ()
    env: str = "cart_pole"
    needs: str | None = None  # a package

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of `worldmodel`."""
        return (self.command, f"env={self.env}", *TINY, *self.overrides)

    @property
    def possible(self) -> bool:
        """Whether its package is installed."""
        return self.needs is None or importlib.util.find_spec(self.needs) is not None


BASE = Case("pipeline", DREAM)  # what the others go on from
MODELS = ("collect", "train_vae", "encode", "train_mdnrnn")
ALL = (*MODELS, "train_controller", "evaluate")
NEXT = ("name=next", "upstream=tiny", "collect.agent=tiny", "collect.replay=tiny",
        "collect.agent_noise=0.5")  # fmt: skip
DOOM = ("take_cover", "vizdoom")  # an engine is a process of its own
CASES = {
    "collect": Case("collect", ()),
    "collect, workers": Case("collect", WORKERS),
    "collect with an agent": Case("collect", (*WORKERS, *NEXT), ALL),
    "train_vae": Case("train_vae", (), ("collect",)),
    "encode": Case("encode", (), ("collect", "train_vae")),
    "train_mdnrnn": Case("train_mdnrnn", (), ("collect", "train_vae", "encode")),
    "train_controller in the dream": Case("train_controller", DREAM, MODELS),
    "train_controller, real, workers": Case("train_controller", WORKERS, MODELS),
    "evaluate with films, workers": Case("evaluate", WORKERS, (*MODELS, "train_controller")),
    "pipeline": BASE,
    "iterate": Case("iterate", (*DREAM, "name=rounds", 'rounds=[[],["collect.episodes=6"]]')),
    "collect, Doom, workers": Case("collect", WORKERS, (), *DOOM),
    "pipeline, Doom, workers": Case("pipeline", (*WORKERS, *DREAM), (), *DOOM),
    "sweep_temperature": Case("sweep_temperature", ("temperatures=[0.5,1.0]",), MODELS),
}
