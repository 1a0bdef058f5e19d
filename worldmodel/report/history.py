"""What the mean of CMA-ES scored over all rounds of a run, and what had been spent by then."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from worldmodel.report.tables import short
from worldmodel.run.json_file import read_json
from worldmodel.run.layout import lookup, read_done
from worldmodel.run.log import read_metrics
from worldmodel.run.registry import PIPELINE
from worldmodel.types import UserError


@dataclass(frozen=True)
class Spent:
    """Steps in the real environment and minutes of wall time."""

    env_steps: float = 0.0
    minutes: float = 0.0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.env_steps + other.env_steps, self.minutes + other.minutes)


@dataclass(frozen=True)
class Score:
    """Mean and standard deviation over `episodes`; these were played after `after` was spent."""

    after: Spent
    mean: float
    sd: float
    episodes: int

    @property
    def standard_error(self) -> float:
        """Standard error of the mean."""
        return self.sd / math.sqrt(self.episodes)


@dataclass(frozen=True)
class Round:
    """Scores of one round, as far as it has come.

    `selection` are those of the mean in reality, `dream` those of the same means in the dream, if
    there is one; `test` is the deployed controller's. A run without rounds has no `number`.
    """

    number: int | None
    begin: Spent
    selection: tuple[Score, ...]
    dream: tuple[Score, ...]
    test: Score | None


@dataclass(frozen=True)
class History:
    """All rounds of a run; `solved_at` is the score at which its environment counts as solved."""

    name: str
    seed: int
    rounds: tuple[Round, ...]
    solved_at: float | None

    def message(self) -> str:
        """The latest score and what it took, in words."""
        latest = [one for one in self.rounds if one.selection][-1]
        score = latest.test or latest.selection[-1]
        spread, about = score.standard_error, "selection episodes, ± standard error"
        if latest.test is not None:
            spread, about = score.sd, "test episodes, ± sd"
        return (
            f"{score.after.env_steps:,.0f} env steps, {score.after.minutes:.1f} "
            f"minutes, score {short(score.mean)} ± {short(spread)} ({score.episodes} {about})"
        )


def read_history(runs: Path, name: str, seed: int) -> History:
    """Scores of all rounds below <runs>/<name>, or of <runs>/<name>/seed<seed> if it has none.

    What other runs lent, by `upstream` or `start`, does not count as spent.

    Raises:
        UserError: if there is no such run, or it has not scored anything yet.
    """
    roots = _roots(runs / name, seed)
    if not roots:
        raise UserError(f"There is no run with seed {seed} in {runs / name}: check name and runs.")
    rounds, spent, solved_at = [], Spent(), None
    for number, root in roots:
        one, spent = _read_round(number, root, spent)
        rounds.append(one)
        config = root / "train_controller" / "config.json"
        if config.exists():
            solved_at = lookup(read_json(config), "env.solved_at")
    if not any(one.selection for one in rounds):
        raise UserError(
            f"{runs / name} has no scores to draw yet: the first one comes after "
            "evolve.selection_every generations of train_controller."
        )
    return History(name, seed, tuple(rounds), solved_at)


def _roots(folder: Path, seed: int) -> list[tuple[int | None, Path]]:
    """Number and folder of every round with this seed, in order."""
    found = ((re.fullmatch(r"round(\d+)", path.name), path) for path in folder.glob("round*"))
    numbered = sorted((int(match[1]), path / f"seed{seed}") for match, path in found if match)
    rounds: list[tuple[int | None, Path]] = [(n, root) for n, root in numbered if root.is_dir()]
    alone = folder / f"seed{seed}"
    return rounds or ([(None, alone)] if alone.is_dir() else [])


def _read_round(number: int | None, root: Path, begin: Spent) -> tuple[Round, Spent]:
    """One round that began when `begin` was spent, and what is spent by its end."""
    before, spent = {}, begin
    for stage in PIPELINE:
        before[stage] = spent
        spent += _spent_in(root / stage)
    folder, start = root / "train_controller", before["train_controller"]
    selection, dream = (tuple(_scores(folder, kind, start)) for kind in ("selection", "dream"))
    test = _test_score(root, before["evaluate"])
    return Round(number, begin, selection, dream, test), spent


def _spent_in(folder: Path) -> Spent:
    """What a stage took; of unfinished stages only train_controller says so as it goes."""
    spent = Spent()
    for record in read_metrics(folder):
        if "minutes" in record:
            spent = Spent(record["env_steps"], record["minutes"])
    done = read_done(folder)
    if done is None:
        return spent
    # Of a call that was killed outright DONE does not know the minutes, but the log does.
    minutes = max(done["minutes"], spent.minutes)
    return Spent(done["figures"].get("env_steps", 0), minutes)


def _scores(folder: Path, kind: str, start: Spent) -> Iterator[Score]:
    """Scores by train_controller, each after what the generations up to it had spent."""
    records = read_metrics(folder)
    if not records:
        return
    config = read_json(folder / "config.json")
    episodes, after = config["evolve"]["selection_episodes"], start
    for record in records:
        if "minutes" in record:
            after = start + Spent(record["env_steps"], record["minutes"])
        if f"{kind}/mean" in record:
            yield Score(after, record[f"{kind}/mean"], record[f"{kind}/sd"], episodes)


def _test_score(root: Path, after: Spent) -> Score | None:
    """What evaluate found, unless train_controller has gone on since."""
    done, evolved = read_done(root / "evaluate"), read_done(root / "train_controller")
    if done is None or evolved is None or done["inputs"]["train_controller"] != evolved["id"]:
        return None
    figures = done["figures"]
    return Score(after, figures["mean"], figures["sd"], figures["episodes"])
