"""A moment of a dream or of the real environment, as a page is told of it."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from worldmodel.types import Frames, UserError

TERMINATED, TRUNCATED = "terminated", "truncated"


@dataclass
class Course:
    """How an episode goes: its steps so far, the sum of its rewards, and how it ended, if it did.

    `name` is what a sentence calls it.
    """

    name: str
    step: int = 0
    score: float = 0.0
    over: str | None = None

    def go_on(self, reward: float, terminated: bool, truncated: bool) -> None:
        """Count a step."""
        self.step += 1
        self.score += reward
        if terminated or truncated:
            self.over = TERMINATED if terminated else TRUNCATED

    def needs_more(self) -> None:
        """Refuse to go on after the end.

        Raises:
            UserError: then.
        """
        if self.over is not None:
            raise UserError(f"This {self.name} is over ({self.over}): begin another.")


def moment(
    course: Course,
    frame: Frames,
    z: Tensor,
    action: Tensor | None,
    own: Tensor,
    *,
    reward: float = 0.0,
    end_chance: Tensor | None = None,
    mixture: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The answer to `begin`, `step` and `real`.

    Args:
        course: how the episode goes.
        frame: RGBA (64, 64, 4).
        z: (1, Z).
        action: (1, A), what was done to come here; None at the beginning.
        own: (1, A), what C would do now.
        reward: of the step.
        end_chance: (1,), M's chance that the step was the last one.
        mixture: that of a latent.
    """
    return {
        "frame": frame,
        "z": z[0].tolist(),
        "action": None if action is None else action[0].tolist(),
        "agent_action": own[0].tolist(),
        "reward": reward,
        "score": course.score,
        "end_chance": None if end_chance is None else float(end_chance),
        "step": course.step,
        "over": course.over,
        "mixture": mixture,
    }
