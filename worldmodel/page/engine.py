"""The torch engine of one agent: messages in, answers out; no networking."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from worldmodel.agent.agent import Agent
from worldmodel.agent.policy import Policy
from worldmodel.dream.places import Places
from worldmodel.envs.make import Env
from worldmodel.models.mdnrnn import MDNRNN
from worldmodel.models.vae import VAE
from worldmodel.page.dream import DreamRules, PageDream
from worldmodel.page.follow import Follower
from worldmodel.page.messages import (
    Begin,
    Effects,
    Follow,
    Futures,
    Message,
    Open,
    Real,
    Sizes,
    Starts,
    Step,
    read_message,
)
from worldmodel.page.real import RealPlay
from worldmodel.page.starts import Reel
from worldmodel.types import UserError

Answer = dict[str, Any]


class Engine:
    """Answers the messages of one visitor, see README.md; used by one thread at a time.

    V, M and C are only read, and may be shared by engines.

    Args:
        vae: V; left in eval mode.
        mdnrnn: M; left in eval mode.
        policy: C.
        starts: where dreams may begin.
        reel: real steps to follow; None if there are none.
        about: what the page is told of the agent; of it `dream` is used here, and `starts`, `reel`,
            `real` and `engine` are filled in.
        make_env: makes the real environment; None if it is not to be played.

    Raises:
        UserError: if C was evolved on latents or hidden states of other sizes.
    """

    def __init__(
        self,
        vae: VAE,
        mdnrnn: MDNRNN,
        policy: Policy,
        starts: Places,
        reel: Reel | None,
        about: Mapping[str, Any],
        make_env: Callable[[], Env] | None,
    ) -> None:
        agent, dream = Agent(vae, mdnrnn, policy), about["dream"]
        steps, step_reward = 0 if reel is None else len(reel.action), dream["step_reward"]
        if step_reward is not None:
            step_reward *= policy.spec.frame_skip
        rules = DreamRules(dream["end_threshold"], dream["max_steps"], step_reward)
        self._dream = PageDream(agent, starts, rules)
        self._follower = None if reel is None else Follower(agent, reel)
        self._real = None if make_env is None else RealPlay(agent, make_env)
        counts = {"starts": len(starts.z), "reel": steps, "real": make_env is not None}
        self._about = {**about, **counts, "engine": "server"}
        defaults = dream["temperature"], dream["end"]
        self._sizes = Sizes(
            len(starts.z), steps, vae.config.z_dim, policy.spec, *defaults, make_env is not None
        )

    @torch.inference_mode()
    def answer(self, given: object) -> Answer:
        """The answer to a message: plain numbers, strings and lists, frames as uint8 arrays.

        What is wrong with a message is told in one sentence: {"error": sentence}.
        """
        try:
            return self._do(read_message(given, self._sizes))
        except UserError as error:
            return {"error": str(error)}

    def close(self) -> None:
        """Free the environment."""
        if self._real is not None:
            self._real.close()

    def _do(self, asked: Message) -> Answer:
        match asked:
            case Open():
                return {"about": self._about}
            case Starts():
                return {"frames": self._dream.starts()}
            case Begin():
                return self._dream.begin(asked)
            case Step():
                return self._dream.step(asked)
            case Effects():
                return {"frames": self._dream.effects(asked)}
            case Futures():
                return {"frames": self._dream.futures(asked)}
            case Follow():
                assert self._follower is not None
                return self._follower.follow(asked)
            case Real():
                assert self._real is not None
                return self._real.play(asked)
