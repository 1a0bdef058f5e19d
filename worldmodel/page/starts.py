"""What a page shows of the real environment: places where dreams begin, and a reel of steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from worldmodel.agent.agent import Agent
from worldmodel.dream.places import FILE, Places
from worldmodel.envs.make import Env
from worldmodel.mdn import State
from worldmodel.run import checkpoint, safetensors_format
from worldmodel.seed import derive_many
from worldmodel.trained import TrainedAgent
from worldmodel.types import FloatArray, Frames, UserError

REEL = "reel.safetensors"
FIRST = 16  # places at first frames
WITHIN = 16  # places within episodes, half of them in each of two
LONGEST = 250  # agent steps of the reel
LOSSLESS = 101  # quality of a WebP picture in OpenCV


@dataclass(frozen=True)
class Reel:
    """T real steps of one episode: frames (T+1, 64, 64, 3) uint8, action (T, A), reward (T,) and
    mu (T+1, Z), V's mean of every frame."""

    frames: Frames
    action: FloatArray
    reward: FloatArray
    mu: FloatArray

    def __len__(self) -> int:
        """T."""
        return len(self.action)

    def write(self, path: Path) -> int:
        """Write it as safetensors; returns the bytes written.

        Raises:
            UserError: if the file can't be written.
        """
        content = self.packed()
        with checkpoint.atomic(path) as file:
            file.write(content)
        return len(content)

    def packed(self, quality: int = LOSSLESS) -> bytes:
        """The file that `write` writes, frames as WebP."""
        pictures = [_packed(frame, quality) for frame in self.frames]
        ends = np.cumsum([picture.size for picture in pictures])
        parts = {"action": self.action, "reward": self.reward, "mu": self.mu}
        content = {name: torch.from_numpy(part) for name, part in parts.items()}
        content |= {"webp": torch.from_numpy(np.concatenate(pictures))}
        return safetensors_format.pack(content | {"ends": torch.from_numpy(ends)})

    @classmethod
    def read(cls, path: Path) -> "Reel":
        """Read what `write` wrote.

        Raises:
            UserError: if it is missing or broken.
        """
        saved = checkpoint.load(path, ("webp", "ends", "action", "reward", "mu"))
        parts = np.split(saved["webp"].numpy(), saved["ends"].numpy()[:-1])
        pictures = [_unpacked(part) for part in parts]
        frames = [picture for picture in pictures if picture is not None]
        if not len(frames) == len(parts) == len(saved["action"]) + 1:
            raise UserError(f"{path} is damaged: export the agent again.")
        return cls(np.stack(frames), *(saved[name].numpy() for name in ("action", "reward", "mu")))


def record(agent: Agent, make_env: Callable[[], Env], seed: int) -> tuple[Places, Reel]:
    """Play the real environment: `FIRST` first frames, and two episodes of the agent.

    The first of the two is the reel, as far as `LONGEST` steps; places within lie evenly in both.
    """
    seeds = derive_many(seed, "page", FIRST + 2)
    env = make_env()
    try:
        obs = np.stack([env.reset(seed=one)[0] for one in seeds[:FIRST]])
        with torch.inference_mode():
            first = agent.vae.encode(torch.from_numpy(obs))[0]
        begun = agent.mdnrnn.initial_state(FIRST)
        episodes = [_play(agent, env, one, LONGEST) for one in seeds[FIRST:]]
    finally:
        env.close()
    places = [(first, *begun[:2], torch.ones(FIRST, 1))]
    for reel, states in episodes:
        at = np.linspace(1, len(reel), WITHIN // 2, endpoint=False).astype(int)
        hidden, cell = (torch.cat([states[k][part] for k in at]) for part in range(2))
        places.append((torch.from_numpy(reel.mu[at]), hidden, cell, torch.zeros(len(at), 1)))
    every = zip(*places, strict=True)
    return Places(*(torch.cat(parts) for parts in every)), episodes[0][0]


def write_page(agent: TrainedAgent, folder: Path) -> int:
    """Record what a page shows of an agent into `folder`; returns the bytes written.

    Raises:
        UserError: if a package that its environment needs is missing, or a file can't be written.
    """
    places, reel = record(agent, agent.make_env, agent.origin.seed)
    return places.write(folder / FILE) + reel.write(folder / REEL)


def _packed(frame: Frames, quality: int) -> NDArray[np.uint8]:
    how = [cv2.IMWRITE_WEBP_QUALITY, quality]
    return np.asarray(cv2.imencode(".webp", frame[..., ::-1], how)[1], np.uint8).ravel()


def _unpacked(picture: NDArray[np.uint8]) -> Frames | None:
    found: Any = cv2.imdecode(picture, cv2.IMREAD_COLOR)
    return None if found is None else np.asarray(found[..., ::-1], np.uint8)


@torch.inference_mode()
def _play(agent: Agent, env: Env, seed: int, longest: int) -> tuple[Reel, Sequence[State]]:
    """An episode of the agent, and M's state at each of its frames but the last."""
    obs, _ = env.reset(seed=seed)
    rollouts = agent.rollouts(agent.policy.params[None], 1, [seed])
    frames, rewards, states = [obs], [], []
    actions: list[FloatArray] = []
    state = agent.mdnrnn.initial_state(1)
    while len(actions) < longest:
        vector = rollouts.act(np.ascontiguousarray(obs[None]), np.arange(1))
        states.append(state)
        z = agent.vae.encode(torch.from_numpy(np.ascontiguousarray(obs[None])))[0]
        state = agent.mdnrnn.advance(z, torch.from_numpy(vector), state)
        obs, reward, terminated, truncated, _ = env.step(agent.policy.spec.to_env(vector)[0])
        frames.append(obs)
        actions.append(vector[0])
        rewards.append(float(reward))
        if terminated or truncated:
            break
    seen = np.stack(frames)
    mu = agent.vae.encode(torch.from_numpy(seen))[0].numpy()
    return Reel(seen, np.stack(actions), np.array(rewards, np.float32), mu), states
