"""The dream to look at: C plays it and is filmed, or a person plays it in a window."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from worldmodel.agent.policy import Policy, load_policy
from worldmodel.dream.dynamics import DreamConfig
from worldmodel.dream.env import DreamEnv
from worldmodel.envs.make import EnvConfig
from worldmodel.report.tables import short
from worldmodel.rollout.real import BackendConfig
from worldmodel.rollout.video import CAPTIONS, panel, write_mp4
from worldmodel.run.layout import checkpoint_path, install_command
from worldmodel.run.run import Run
from worldmodel.seed import derive_many
from worldmodel.stages.worlds import Worlds
from worldmodel.stats import mean_sd
from worldmodel.types import EnvSpec, FloatArray, Frames, UserError

# What is seen of the dream, to the env's action; None ends the session.
Act = Callable[[FloatArray], Any]
WINDOW = 512


@dataclass(frozen=True)
class PlayDreamConfig:
    """`episodes` to dream; `human` plays them in a window, instead of C before a camera."""

    episodes: int
    human: bool

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise ValueError(f"play.episodes is {self.episodes}: it must be at least 1")


@dataclass(frozen=True)
class Moment:
    """One agent step of a dream: the frame after it, and what it paid."""

    frame: Frames
    reward: float


def dream_episode(env: DreamEnv, act: Act, seed: int) -> Iterator[Moment]:
    """The moments of one dream, from its first frame on, until it ends or `act` returns None."""
    obs, _ = env.reset(seed=seed)
    yield Moment(env.render(), 0.0)
    while (action := act(obs)) is not None:
        obs, reward, terminated, truncated, _ = env.step(action)
        yield Moment(env.render(), reward)
        if terminated or truncated:
            return


def play_dream(
    config: PlayDreamConfig,
    env: EnvConfig,
    backend: BackendConfig,
    dream: DreamConfig,
    run: Run,
    *,
    device: str,
    members: Sequence[str],
) -> dict[str, float] | None:
    """Film the deployed controller in the dream, or let a person play.

    Args:
        config: how many dreams, and who plays.
        env: the environment that is dreamt of.
        backend: of real environments; not used.
        dream: how M's predictions become an environment.
        run: this stage.
        device: where the dream runs: auto, cpu or cuda.
        members: runs whose M dream in place of this one's.

    Returns:
        Figures of the film; None where a person played.

    Raises:
        UserError: without a display for a person, or without pygame.
    """
    policy = load_policy(checkpoint_path(run.of("train_controller")))
    worlds = Worlds(env, policy.spec, backend, run)
    asked_for = os.environ.get("SDL_VIDEODRIVER")
    dynamics = worlds.dynamics(dream, device, members, or_first_frames=True)
    playground = DreamEnv(dynamics, worlds.spec, worlds.vae)
    if config.human:
        if asked_for is None:  # an environment that showed its first frames has set it
            os.environ.pop("SDL_VIDEODRIVER", None)
        play_in_a_window(playground, config, run)
        return None
    return film(playground, acts_by(policy, worlds.vae.config.z_dim), config, run)


def acts_by(policy: Policy, z_dim: int) -> Act:
    """C as `Act`: it sees its part of [z, h, c]."""
    controller, params = policy.controller(), torch.tensor(policy.params)

    def act(obs: FloatArray) -> Any:
        seen = torch.from_numpy(obs)
        hidden = (len(seen) - z_dim) // 2
        parts = dict(zip("zhc", seen.split([z_dim, hidden, hidden]), strict=True))
        features = controller.features(parts)
        action = controller.act(params[None], features[None, None])[0]
        return controller.spec.to_env(action.numpy())[0]

    return act


def film(env: DreamEnv, act: Act, config: PlayDreamConfig, run: Run) -> dict[str, float]:
    """Write <k>.mp4 of every dream, and what it paid; their mean and standard deviation."""
    run.begin()
    log, scores, lengths = run.log(), [], []
    with run.progress(config.episodes, "dreams") as bar:
        for index, seed in enumerate(derive_many(run.seed, "dream", config.episodes)):
            moments = list(dream_episode(env, act, seed))
            frames = (panel(moment.frame) for moment in moments)
            path = run.folder / f"{index}.mp4"
            write_mp4(path, frames, env.env_spec.steps_per_second, CAPTIONS[-1:])
            scores.append(sum(moment.reward for moment in moments))
            lengths.append(len(moments) - 1)
            log.scalars(index, {"score": scores[-1], "steps": lengths[-1]})
            bar.advance(note=f"{path} · score {short(float(scores[-1]))}")
    mean, sd = mean_sd(scores)
    return {"mean": mean, "sd": sd, "steps": float(np.mean(lengths))}


def play_in_a_window(env: DreamEnv, config: PlayDreamConfig, run: Run) -> None:
    """Let a person play dreams: arrow keys or digits act (see `steer`), Escape ends.

    Raises:
        UserError: without a display, or without pygame.
    """
    try:
        import pygame
    except ImportError as error:
        how = install_command("classic")
        raise UserError(f"play.human=true needs pygame: run {how}.") from error
    asked_for = "SDL_VIDEODRIVER" in os.environ
    try:
        if not asked_for:
            pygame.display.quit()  # an environment may have begun it, without a window
        pygame.display.init()
        window = pygame.display.set_mode((WINDOW, WINDOW))
    except pygame.error as error:
        raise UserError(
            f"play.human=true needs a display ({error}): leave it out to film C instead."
        ) from error
    # Without a display SDL may draw into memory; whoever asks for that by name shall have it.
    if pygame.display.get_driver() in ("dummy", "offscreen") and not asked_for:
        pygame.display.quit()
        raise UserError("play.human=true needs a display: leave it out to film C instead.")
    pygame.display.set_caption("M: dream")
    clock, open_ = pygame.time.Clock(), True

    def act(_: FloatArray) -> Any:
        nonlocal open_
        for event in pygame.event.get():
            key = event.key if event.type == pygame.KEYDOWN else None
            open_ = open_ and event.type != pygame.QUIT and key != pygame.K_ESCAPE
        pressed = pygame.key.get_pressed()
        arrows = pygame.K_LEFT, pygame.K_RIGHT, pygame.K_UP, pygame.K_DOWN
        digits = [pressed[pygame.K_0 + digit] for digit in range(10)]
        return steer(env.env_spec, [pressed[key] for key in arrows], digits) if open_ else None

    try:
        for seed in derive_many(run.seed, "dream", config.episodes):
            score = 0.0
            for moment in dream_episode(env, act, seed):
                score += moment.reward
                image = pygame.surfarray.make_surface(moment.frame.swapaxes(0, 1))
                window.blit(pygame.transform.scale(image, (WINDOW, WINDOW)), (0, 0))
                pygame.display.flip()
                clock.tick(env.env_spec.steps_per_second)
            run.say(f"score {short(score)}")
            if not open_:
                break
    finally:
        pygame.display.quit()


def steer(spec: EnvSpec, arrows: list[bool], digits: list[bool]) -> Any:
    """What keys that are held down mean: `arrows` are left, right, up and down.

    A digit is the discrete action of this number; none is the first. Of continuous ones left and
    right are the ends of the first, up and down the upper ends of the second and the third, as far
    as C reaches there.
    """
    if spec.n_actions is not None:
        held = [digit for digit, down in enumerate(digits[: spec.n_actions]) if down]
        return np.int64(held[0] if held else 0)
    assert spec.action_low is not None
    assert spec.action_high is not None
    low, high = np.array(spec.action_low, np.float32), np.array(spec.action_high, np.float32)
    action = np.zeros_like(low).clip(low, high)
    left, right, up, down = arrows
    if left != right:
        action[0] = low[0] if left else high[0]
    for place, held_down in ((1, up), (2, down)):
        if place < len(action) and held_down:
            action[place] = high[place] * spec.reach[place]
    return action
