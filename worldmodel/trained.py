"""An agent of a finished run or one that is shipped: `worldmodel.load("car_racing")`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from worldmodel.agent.agent import Agent
from worldmodel.agent.load import load_mdnrnn, load_vae
from worldmodel.agent.policy import Policy, load_policy
from worldmodel.config import build, compose, to_plain
from worldmodel.dream.dynamics import DreamConfig, Dynamics
from worldmodel.dream.env import DreamEnv
from worldmodel.envs.explore import EXPLORERS
from worldmodel.envs.make import Env, EnvConfig, make_env
from worldmodel.models.mdnrnn import MDNRNN
from worldmodel.models.vae import VAE
from worldmodel.run.compat import current_config, current_target
from worldmodel.run.json_file import read_json
from worldmodel.run.layout import SHIPPED, checkpoint_path, find_stage, last_round
from worldmodel.run.shipped import shipped_agents, with_agent
from worldmodel.stages.starts import dream_starts
from worldmodel.types import UserError

# All that the configuration of a run may build, and the modules that may register its environment.
CLASSES = frozenset(
    f"{each.__module__}.{each.__qualname__}" for each in (EnvConfig, DreamConfig, *EXPLORERS)
)
MODULES = frozenset({"worldmodel.envs.car_racing", "worldmodel.envs.doom", "ale_py"})


@dataclass(frozen=True)
class Origin:
    """Where an agent comes from: the run `name` in the folder `runs`, and its seed."""

    runs: Path
    name: str
    seed: int

    def stage(self, stage: str) -> Path:
        """Folder of a stage of that run, or of its upstream."""
        return find_stage(self.runs, self.name, self.seed, stage)

    def best(self, stage: str, checkpoint: str = "best") -> Path:
        """A checkpoint of a stage."""
        return checkpoint_path(self.stage(stage), checkpoint)


class TrainedAgent(Agent):
    """V, M and C of one run, with the environment that they were trained in and M's dream of it."""

    def __init__(
        self,
        vae: VAE,
        mdnrnn: MDNRNN,
        policy: Policy,
        origin: Origin,
        modules: Sequence[str] = (),
    ) -> None:
        super().__init__(vae, mdnrnn, policy)
        self.origin, self.modules = origin, MODULES | {*modules}

    def make_env(self, render_mode: str | None = None) -> Env:
        """The environment as this agent sees it: cropped, shrunk to 64×64, with its frame skip.

        Raises:
            UserError: if a package that the environment needs is missing.
        """
        config = self._env_config()
        if render_mode is not None:
            config = replace(config, kwargs=config.kwargs | {"render_mode": render_mode})
        return make_env(config)

    def dream(self, **changes: Any) -> DreamEnv:
        """M's predictions as a gymnasium environment; `render` shows what V decodes.

        Dreams begin in the run's encoded episodes, or at the places that were exported with the
        agent, or else at first frames of the environment.

        Args:
            changes: fields of `DreamConfig` over those of the run, such as temperature=1.15.

        Raises:
            UserError: if M predicts no rewards and no `step_reward` is given.
        """
        config = replace(self.dream_config(), **changes)
        if config.step_reward is None and not self.mdnrnn.config.reward_head:
            raise UserError("This M predicts no rewards: give dream(step_reward=…).")
        mdnrnn = load_mdnrnn(self.origin.best("train_mdnrnn"))
        spec = self.policy.spec
        origin, env = self.origin, self._env_config()
        starts = dream_starts(origin.stage, config, env, self.vae, mdnrnn, origin.seed)
        dynamics = Dynamics(mdnrnn, starts, config, spec.frame_skip, "cpu")
        return DreamEnv(dynamics, spec, self.vae)

    def _env_config(self) -> EnvConfig:
        recorded = self._recorded()
        config = self._composed()["env"] if recorded is None else recorded["env"]
        module, colon, _ = config["id"].partition(":")
        named = [wrapper for wrapper in config.get("wrappers", []) if isinstance(wrapper, str)]
        self._refuse_code(config, [*config["modules"], *named, *([module] if colon else [])])
        built: EnvConfig = build(config)
        return built

    def dream_config(self) -> DreamConfig:
        """That of the dream that C was evolved in, or a standard one if it was evolved outside."""
        recorded = self._recorded()
        world = self._composed()["world"] if recorded is None else recorded["world"]
        if world["kind"] != "real":
            self._refuse_code(world["config"], [])
            config: DreamConfig = build(world["config"])
            return config
        standard = build(compose("play_dream", ["name=dream"]).world.config)
        return replace(standard, max_steps=self.policy.spec.max_episode_steps)

    def _refuse_code(self, config: Mapping[str, Any], modules: Sequence[str]) -> None:
        """A run's folder may be a stranger's: build and import only what is known, or trusted.

        Raises:
            UserError: naming what else it asks for.
        """
        classes = [name for name in _targets(config) if current_target(name) not in CLASSES]
        foreign = [name for name in [*classes, *modules] if not self._trusted(name)]
        if foreign:
            own = sorted({name.split(".")[0] for name in foreign})
            raise UserError(
                f"{self.origin.stage('train_controller')} names code that is not worldmodel's "
                f"({', '.join(foreign)}): if it is yours, load(…, modules={own})."
            )

    def _trusted(self, name: str) -> bool:
        """Whether a module, or what stands in one, may be imported."""
        parts = name.split(".")
        return any(".".join(parts[:end]) in self.modules for end in range(1, len(parts) + 1))

    def _recorded(self) -> dict[str, Any] | None:
        """The configuration with which the controller was evolved; None for an exported agent."""
        path = self.origin.stage("train_controller") / "config.json"
        return current_config(read_json(path)) if path.exists() else None

    def _composed(self) -> dict[str, Any]:
        """The configuration that an exported agent's file asks for."""
        asked = with_agent([f"runs={self.origin.runs}", f"run={self.origin.name}"])
        return to_plain(compose("evaluate", asked))


def load_agent(
    where: str | Path, seed: int = 0, checkpoint: str = "best", modules: Sequence[str] = ()
) -> TrainedAgent:
    """See `worldmodel.load`."""
    origin = _origin(where, seed)
    policy = load_policy(origin.best("train_controller", checkpoint))
    vae, mdnrnn = load_vae(origin.best("train_vae")), load_mdnrnn(origin.best("train_mdnrnn"))
    return TrainedAgent(vae, mdnrnn, policy, origin, modules)


def make_dream(
    agent: str | Path,
    seed: int = 0,
    render_mode: str | None = None,
    modules: Sequence[str] = (),
    **changes: Any,
) -> DreamEnv:
    """The dream of a trained agent, as gymnasium.make("worldmodel/Dream-v0", agent=…) gives it.

    Raises:
        UserError: as `worldmodel.load` and `TrainedAgent.dream`.
        ValueError: for a render mode that the dream does not have.
    """
    if render_mode not in (None, "rgb_array"):
        raise ValueError(f"render_mode is {render_mode}: the dream has rgb_array")
    return load_agent(agent, seed, modules=modules).dream(**changes)


def _origin(where: str | Path, seed: int) -> Origin:
    # Whole paths: the program may change its working directory later.
    folder = Path(where).absolute()
    if (folder / f"seed{seed}").is_dir():
        return _of_folder(folder, seed)
    last = last_round(folder.parent, folder.name, seed)
    if last is not None:
        return _of_folder(folder.parent / last, seed)
    agent = str(where).removeprefix("runs/").removeprefix("pretrained/")
    for runs in (Path("runs").absolute(), SHIPPED.parent):
        if (runs / "pretrained" / agent / "agent.json").exists():
            return Origin(runs, f"pretrained/{agent}", seed)
    if folder.is_dir():
        raise UserError(
            f"{folder} has no run of seed {seed}: there is no {folder / f'seed{seed}'}."
        )
    near = f": runs/{agent} is one" if Path("runs", agent).is_dir() else ""
    raise UserError(
        f"{where} is neither the folder of a run{near} nor a shipped agent: the shipped ones are "
        f"{', '.join(shipped_agents())}."
    )


def _of_folder(folder: Path, seed: int) -> Origin:
    """A run's folder, of which its own config knows how much is the run's name."""
    for path in sorted((folder / f"seed{seed}").glob("*/config.json")):
        parts = Path(str(read_json(path).get("name"))).parts
        if folder.parts[-len(parts) :] == parts:
            return Origin(Path(*folder.parts[: -len(parts)]), "/".join(parts), seed)
    return Origin(folder.parent, folder.name, seed)


def _targets(node: Any) -> Iterator[str]:
    """All classes that a configuration would build."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "_target_":
                yield str(value)
            else:
                yield from _targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from _targets(value)
