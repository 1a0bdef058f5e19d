"""One step of the dream: M's predictions turned into what an environment does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from worldmodel.dream.starts import Starts
from worldmodel.mdn import State
from worldmodel.models.mdnrnn import MDNRNN, Prediction
from worldmodel.run.hardware import can_fuse

End = Literal["threshold", "sample"]
Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class DreamConfig:
    """How M's predictions become an environment.

    `temperature` of the draws (paper, section 4.3). `end` = "threshold" ends a dream when the
    predicted chance of the end, as trained, exceeds `end_threshold` (the paper); "sample" draws the
    end with the true chance. Every dream ends after `max_steps` env steps. `burn_in` null begins
    them at first frames (the paper); a number begins them anywhere in the collected episodes, after
    M has followed so many agent steps, but for a `first_share` of them that begin at first frames
    still: what begins well is rare among all that is dreamt of otherwise. `step_reward` is the
    reward of every env step that begins alive; null asks M's reward head. `dropout` is the share of
    hidden units that the heads do not see, drawn anew at every step (Wellmer & Kwok 2021 leave the
    dropout of training switched on in the dream). `precision` of M's matrix products: "bf16" rounds
    their factors and results to 8 bits, while its state and the draws stay fp32; what it gains
    depends on the processor, `scripts/benchmark.py` tells. `compile` fuses a step's small
    kernels on a GPU, where torch.compile can: that takes seconds at the start.
    """

    temperature: float
    end: End
    end_threshold: float
    max_steps: int
    burn_in: int | None
    first_share: float
    step_reward: float | None
    dropout: float
    precision: Precision
    compile: bool = True

    def __post_init__(self) -> None:
        here = "world.config"
        if self.temperature < 0:
            raise ValueError(f"{here}.temperature is {self.temperature}: it can't be negative")
        if self.end not in get_args(End):
            raise ValueError(f"{here}.end is {self.end}: use threshold or sample")
        if not 0 < self.end_threshold <= 1:
            raise ValueError(f"{here}.end_threshold is {self.end_threshold}: use 0 to 1")
        if self.max_steps < 1:
            raise ValueError(f"{here}.max_steps is {self.max_steps}: it must be at least 1")
        if self.burn_in is not None and self.burn_in < 0:
            raise ValueError(
                f"{here}.burn_in is {self.burn_in}: it can't be negative; null is allowed"
            )
        if not 0 <= self.first_share < 1:
            raise ValueError(
                f"{here}.first_share is {self.first_share}: use 0 or more, less than 1"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"{here}.dropout is {self.dropout}: use 0 or more, and less than 1")
        if self.precision not in get_args(Precision):
            raise ValueError(f"{here}.precision is {self.precision}: use fp32 or bf16")


@dataclass(slots=True)
class Dreamers:
    """B dreams side by side.

    `agent_state` is the state of the agent's own M, which C sees; `predictor_state` that of the M
    that predicts, None where it is the same one; `member` (B,) says which M of an ensemble that is.
    """

    z: Tensor  # (B, Z)
    agent_state: State
    predictor_state: State | None
    member: Tensor

    def keep(self, rows: Tensor) -> None:
        """Go on with the dreams `rows` only, or with several copies of them."""
        self.z, self.member = self.z[rows], self.member[rows]
        self.agent_state = tuple(part[rows] for part in self.agent_state)
        if self.predictor_state is not None:
            self.predictor_state = tuple(part[rows] for part in self.predictor_state)


@dataclass(frozen=True, slots=True)
class Noise:
    """Random numbers of one step, a row for each dream."""

    event: Tensor  # (B,) in [0, 1)
    uniform: Tensor  # (B, picks) in [0, 1)
    normal: Tensor  # (B, Z)
    keep: Tensor | None  # (B, hidden) in [0, 1)

    def of(self, rows: Tensor) -> "Noise":
        """The numbers of other rows."""
        keep = None if self.keep is None else self.keep[rows]
        return Noise(self.event[rows], self.uniform[rows], self.normal[rows], keep)


class Dynamics:
    """What follows from an action in the dream.

    Args:
        mdnrnn: the agent's M; it predicts as well if there are no members.
        starts: where dreams may begin.
        config: temperature, end, reward and dropout.
        frame_skip: env steps per agent step.
        device: where the dream runs.
        members: an ensemble of other M of the same sizes on the same latents; each dream is
            predicted by one of them, so that no single one's mistakes can be exploited.

    Raises:
        ValueError: if there is neither a reward head nor a `step_reward`, or a member is of other
            sizes.
    """

    def __init__(
        self,
        mdnrnn: MDNRNN,
        starts: Starts,
        config: DreamConfig,
        frame_skip: int,
        device: str,
        members: Sequence[MDNRNN] = (),
    ) -> None:
        predictors = list(members) or [mdnrnn]
        if config.step_reward is None and not all(m.config.reward_head for m in predictors):
            raise ValueError("a dream needs M's reward head or world.config.step_reward")
        sizes = {(m.z_dim, m.action_dim, m.config.hidden) for m in (mdnrnn, *predictors)}
        if len(sizes) > 1:
            raise ValueError(f"an ensemble needs M of one size, these have {sorted(sizes)}")
        self.device = torch.device(device)
        self.mdnrnn = mdnrnn.to(device).eval()
        self.members = [member.to(device).eval() for member in members]
        self.config, self.frame_skip = config, frame_skip
        self.starts = starts.to(self.device)
        self._picks = mdnrnn.predict(mdnrnn.initial_state(1)[0]).z.picks

    @property
    def fused(self) -> bool:
        """Whether `step` is to be compiled; an ensemble's depends on values and is not."""
        return self.config.compile and not self.members and can_fuse(self.device)

    @property
    def cap(self) -> int:
        """Agent steps after which every dream is over."""
        return -(-self.config.max_steps // self.frame_skip)

    def autocast(self) -> torch.autocast:
        """What `step` is to be called in; one for many steps: the CPU rounds the weights once."""
        enabled, cpu = self.config.precision == "bf16", self.device.type == "cpu"
        # A graph must round them itself: it outlives the context that it was recorded in.
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled, cache_enabled=cpu)

    def begin(self, rows: Tensor, normal: Tensor, member: Tensor) -> Dreamers:
        """Dreams from the places `rows` (B,) of `starts`.

        Args:
            rows: which places.
            normal: standard normal (B, Z).
            member: which M of the ensemble predicts (B,); ignored without one.
        """
        z = self.starts.z(rows, self.mdnrnn.config.z_noise * normal)
        agent_state = self.starts.state(self.mdnrnn, rows)
        if not self.members:
            return Dreamers(z, agent_state, None, member)
        states = [self.starts.state(each, rows) for each in self.members]
        own = torch.arange(len(rows), device=self.device)
        predictor_state = tuple(
            torch.stack(parts)[member, own] for parts in zip(*states, strict=True)
        )
        return Dreamers(z, agent_state, predictor_state, member)

    def noise(self, rows: int, generator: torch.Generator) -> Noise:
        """Random numbers of one step for `rows` dreams."""
        like: dict[str, Any] = {"generator": generator, "device": self.device}
        uniform = torch.rand(rows, self._picks + 1, **like)
        normal = torch.randn(rows, self.mdnrnn.z_dim, **like)
        keep = None
        if self.config.dropout:
            keep = torch.rand(rows, self.mdnrnn.config.hidden, **like)
        return Noise(uniform[:, 0], uniform[:, 1:], normal, keep)

    def step(self, dreamers: Dreamers, action: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        """Move all dreams on by actions (B, A): their rewards (B,) and which of them go on (B,)."""
        z = dreamers.z
        dreamers.agent_state = self.mdnrnn.advance(z, action, dreamers.agent_state)
        if dreamers.predictor_state is None:
            dreamers.z, reward, going = self._follow(self.mdnrnn, dreamers.agent_state[0], noise)
            return reward, going
        state = tuple(torch.empty_like(part) for part in dreamers.predictor_state)
        after, reward = torch.empty_like(z), torch.empty_like(z[:, 0])
        going = torch.empty(len(z), dtype=torch.bool, device=self.device)
        for index, member in enumerate(self.members):
            rows = (dreamers.member == index).nonzero().squeeze(-1)
            was = tuple(part[rows] for part in dreamers.predictor_state)
            new = member.advance(z[rows], action[rows], was)
            for part, entry in zip(state, new, strict=True):
                part[rows] = entry
            after[rows], reward[rows], going[rows] = self._follow(member, new[0], noise.of(rows))
        dreamers.z, dreamers.predictor_state = after, state
        return reward, going

    def _follow(
        self, mdnrnn: MDNRNN, hidden: Tensor, noise: Noise
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The next z, reward and whether the dream goes on."""
        config = self.config
        if noise.keep is not None:
            hidden = hidden * (noise.keep >= config.dropout) / (1 - config.dropout)
        expected = mdnrnn.predict(hidden)
        z = expected.z.transport(noise.uniform, noise.normal, config.temperature)
        if config.step_reward is not None:
            return (
                z,
                torch.full_like(z[:, 0], config.step_reward * self.frame_skip),
                self._going(expected, noise),
            )
        assert expected.reward is not None
        return z, expected.reward, self._going(expected, noise)

    def _going(self, expected: Prediction, noise: Noise) -> Tensor:
        if expected.end is None or expected.end_chance is None:
            return torch.ones_like(noise.event, dtype=torch.bool)
        if self.config.end == "threshold":
            return expected.end <= self.config.end_threshold
        return noise.event >= expected.end_chance
