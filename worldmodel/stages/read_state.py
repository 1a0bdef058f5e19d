"""The read_state stage: how much of an environment's state can be read from what V and M know."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from worldmodel.agent.agent import Agent
from worldmodel.agent.policy import load_policy
from worldmodel.envs.make import EnvConfig, make_env
from worldmodel.envs.state import KeepState
from worldmodel.report.tables import state_table
from worldmodel.run.checkpoint import save_json
from worldmodel.run.layout import checkpoint_path
from worldmodel.run.run import Run
from worldmodel.seed import derive_many
from worldmodel.types import UserError

Numbers = NDArray[np.float64]
RIDGE = 1e-4  # of the variance of a feature
CONSTANT = 1e-9  # variance of a number of the state that does not change


@dataclass(frozen=True)
class ReadConfig:
    """`episodes` that the agent plays; `ram`: bytes of an Atari's memory that are its state."""

    episodes: int
    ram: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "ram", tuple(self.ram))
        if self.episodes < 2:
            raise ValueError(f"read.episodes is {self.episodes}: use at least 2, one to test on")


def read_state(config: ReadConfig, env: EnvConfig, run: Run) -> dict[str, float]:
    """Play episodes, and fit the state linearly to z, to [z, h] and to what C sees of them.

    Every second episode is fitted to, the others are tested on.

    Returns:
        `z`, `zh` and `controller`: the mean over the numbers of the state of the shares of their
        variance that are explained (R²); summary.json has each.

    Raises:
        UserError: where the environment has no state that is known, or one that never changes.
    """
    agent = Agent.from_files(
        checkpoint_path(run.of("train_vae"), "best"),
        checkpoint_path(run.of("train_mdnrnn"), "best"),
        load_policy(checkpoint_path(run.of("train_controller"), "best")),
    )
    seen, state, episode = _play(agent, config, env, run)
    run.begin()
    train = episode % 2 == 0
    found = {name: explained(part, state, train) for name, part in seen.items()}
    changes = state[~train].var(0) > CONSTANT
    if not changes.any():
        raise UserError(f"The state of {env.id} never changed in {config.episodes} episodes.")
    names = [str(at) for at in config.ram or range(state.shape[1])]
    state_table(f"{run.folder}: R² of {len(state)} steps", names, found, changes.tolist())
    save_json(run.folder / "summary.json", {"state": names, "steps": len(state)}
              | {name: part.tolist() for name, part in found.items()})  # fmt: skip
    return {name: float(part[changes].mean()) for name, part in found.items()}


def explained(features: Numbers, state: Numbers, train: NDArray[np.bool_]) -> Numbers:
    """R² (S,) of a ridge regression of states (N, S) on features (N, F) where `train` is not.

    0 for a number that does not change.
    """
    mean, scale = features[train].mean(0), features[train].std(0) + 1e-8
    x = np.concatenate([(features - mean) / scale, np.ones((len(features), 1))], 1)
    fitted = x[train]
    normal = fitted.T @ fitted + RIDGE * len(fitted) * np.eye(x.shape[1])
    weights = np.linalg.solve(normal, fitted.T @ state[train])
    missed = np.square(state[~train] - x[~train] @ weights).mean(0)
    there = state[~train].var(0)
    return np.where(there > CONSTANT, 1 - missed / np.maximum(there, CONSTANT), 0.0)


@torch.inference_mode()
def _play(
    agent: Agent, config: ReadConfig, env: EnvConfig, run: Run
) -> tuple[dict[str, Numbers], Numbers, NDArray[np.int64]]:
    """What is known at each step, by name, the state, and the index of the episode."""
    keep = KeepState(env.id, config.ram)
    world = make_env(replace(env, wrappers=(*env.wrappers, keep)))
    spec, controller = agent.policy.spec, agent.controller
    known: dict[str, list[Numbers]] = {"z": [], "zh": [], "controller": []}
    states, episodes = [], []
    with run.progress(config.episodes, "episodes") as bar:
        for index, seed in enumerate(derive_many(run.seed, "infer", config.episodes, 1)):
            obs, _ = world.reset(seed=seed)
            agent.reset(seed)
            state, over = agent.mdnrnn.initial_state(1), False
            while not over:
                z = agent.vae.encode(torch.from_numpy(obs[None].copy()))[0]
                features = controller.features({"z": z, "h": state[0], "c": state[1]})
                for name, part in (("z", z), ("zh", torch.cat([z, state[0]], -1)),
                                   ("controller", features)):  # fmt: skip
                    known[name].append(part[0].double().numpy())
                states.append(keep.last)
                episodes.append(index)
                action = agent.act(obs)
                state = agent.mdnrnn.advance(z, _vector(action, spec.n_actions), state)
                obs, _, terminated, truncated, _ = world.step(action)
                over = terminated or truncated
            bar.advance()
    world.close()
    return {k: np.stack(part) for k, part in known.items()}, np.stack(states), np.array(episodes)


def _vector(action: NDArray[np.generic] | int, n_actions: int | None) -> torch.Tensor:
    """An action as M takes it, (1, A): one-hot for one of several."""
    if n_actions is None:
        return torch.from_numpy(np.asarray(action, np.float32)[None])
    return torch.nn.functional.one_hot(torch.tensor([int(action)]), n_actions).float()
