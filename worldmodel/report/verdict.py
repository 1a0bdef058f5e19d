"""One sentence at the end: what the agent came to, what V and M are worth, what to try next."""

from collections.abc import Sequence
from pathlib import Path

from worldmodel.report.tables import short
from worldmodel.run.layout import read_done
from worldmodel.run.log import read_metrics

# Below this share of the moving pixels' variance V is what to mend first.
SEEN = 0.5
# A search whose best selection is among this last share of them was still getting better.
LATE = 0.34


def verdict(rounds: Sequence[Path]) -> str | None:
    """The sentence for a run; None where its last round was not evaluated.

    Args:
        rounds: folders of the stages of every round, or of the only one; a stage that a round took
            over from the one before is told of as it was there.
    """
    figures = {stage: _newest(rounds, stage) for stage in ("train_mdnrnn", "train_vae")}
    done = read_done(rounds[-1] / "evaluate")
    scored = done["figures"] if done else {}
    seen = figures["train_vae"].get("moving_explained")
    if not scored:
        return None
    n = scored["episodes"]
    agent = f"agent {short(scored['mean'])} ± {short(scored['sd'])} (n={n:.0f})"
    parts = [agent]
    if "random_mean" in scored:
        n = scored["random_episodes"]
        chance = f"{short(scored['random_mean'])} ± {short(scored['random_sd'])} (n={n:.0f})"
        parts = [f"random {chance} → {agent}"]
    if seen is not None:
        much = f"{seen:.0%}" if seen > 0 else "nothing"
        parts.append(f"V explains {much} of what moves")
    ahead = _ahead(figures["train_mdnrnn"])
    if ahead is not None:
        parts.append(
            f"M beats a z that stays as it is by {short(ahead)} nats per dimension"
            if ahead > 0
            else f"M is {short(-ahead)} nats per dimension worse than a z that stays as it is"
        )
    return f"{'; '.join(parts)}. Next: {_advice(rounds[-1], seen, ahead)}."


def _newest(rounds: Sequence[Path], stage: str) -> dict[str, float]:
    """Figures of a stage in the last round that has it; empty if none has."""
    found = [done["figures"] for root in rounds if (done := read_done(root / stage)) is not None]
    return found[-1] if found else {}


def _ahead(figures: dict[str, float]) -> float | None:
    """By how many nats per dimension M predicts z better than persistence does."""
    if not {"nats_per_dim", "nats_per_dim_persistence"} <= figures.keys():
        return None
    return figures["nats_per_dim_persistence"] - figures["nats_per_dim"]


def _advice(root: Path, seen: float | None, ahead: float | None) -> str:
    if seen is not None and seen < SEEN:
        return (
            "V misses most of what moves: raise train_vae.fit.steps, or use vae=moving, under "
            "another name=…"
        )
    if ahead is not None and ahead <= 0:
        return "M has to see more: raise collect.frames and train_mdnrnn.fit.steps"
    scores = [row["selection/mean"] for row in read_metrics(root / "train_controller")
              if "selection/mean" in row]  # fmt: skip
    if scores and scores.index(max(scores)) >= (1 - LATE) * len(scores):
        return (
            "C was still getting better: raise evolve.generations or evolve.max_minutes, whichever "
            "ended it, or use experiment=medium"
        )
    return "C has stopped getting better: another round on its own episodes, or experiment=medium"
