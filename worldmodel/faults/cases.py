"""The commands that are killed, each with the stages that have to be there before it."""

from dataclasses import dataclass

TINY = ("experiment=tiny", "env=cart_pole", "collect.episodes=8", "train_vae.fit.steps=24",
        "train_mdnrnn.fit.steps=24", "evolve.generations=6", "evaluate.episodes=6")  # fmt: skip
WORKERS = ("backend.workers=2", "backend.envs_per_worker=2")
DREAM = ("world=dream",)


@dataclass(frozen=True)
class Case:
    """One command; it goes on from the finished `stages` of the whole pipeline."""

    command: str
    overrides: tuple[str, ...]
    stages: tuple[str, ...] = ()

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of `worldmodel`."""
        return (self.command, *TINY, *self.overrides)


MODELS = ("collect", "train_vae", "encode", "train_mdnrnn")
ALL = (*MODELS, "train_controller", "evaluate")
NEXT = ("name=next", "upstream=tiny", "collect.agent=tiny", "collect.replay=tiny",
        "collect.agent_noise=0.5")  # fmt: skip
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
    "pipeline": Case("pipeline", DREAM),
    "iterate": Case("iterate", (*DREAM, "name=rounds", "rounds=[[],[collect.episodes=6]]")),
    "sweep_temperature": Case("sweep_temperature", ("temperatures=[0.5,1.0]",), MODELS),
}
