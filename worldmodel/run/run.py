"""One stage of one run: its folder, log, progress bar, and the mark that it is done."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from worldmodel.run import checkpoint
from worldmodel.run.compat import current_config
from worldmodel.run.differences import differences, is_more
from worldmodel.run.hardware import PeakMemory, commit, hardware
from worldmodel.run.json_file import read_json
from worldmodel.run.launch import spoken
from worldmodel.run.layout import (
    RECORDS,
    checkpoint_path,
    find_stage,
    last_round,
    lookup,
    read_done,
    shipped_stage,
)
from worldmodel.run.lock import Lock, sweep
from worldmodel.run.log import Log, LogConfig, Row, check_logger
from worldmodel.run.log.hyperparameters import hyperparameters
from worldmodel.run.mark import Mark
from worldmodel.run.place import check_environment, check_place
from worldmodel.run.progress import Bar, progress_bar
from worldmodel.run.registry import MODELS, PIPELINE, STAGES
from worldmodel.run.subrun import Subrun
from worldmodel.types import UserError


class Run:
    """Handle of a running stage; every path, number and picture of the stage goes through it."""

    def __init__(self, stage: str, config: dict[str, Any], console: Console | None = None) -> None:
        self.stage = STAGES[stage]
        self.config = config
        check_place(config)
        self.seed = int(config["seed"])
        self.root = Path(config["runs"]) / str(config["name"]) / f"seed{self.seed}"
        self.folder = self.root / stage
        self.console = console or Console()
        self._log: Log | None = None
        self._lock: Lock | None = None
        self._subruns: list[Subrun] = []
        self._started = time.time()
        self._memory = PeakMemory()
        self._inputs = {name: self._input_id(name) for name in self.stage.inputs}
        check_environment(config, [self.of(name) for name in self.stage.inputs])
        self._check_config()
        self._models = self._made_with()
        self._mark = Mark(self.folder)
        self.done = self._is_done()
        if not self.done:
            check_logger(self._logger)
            self._lock = Lock(self.folder)
            sweep(self.folder)
            record = {"commit": commit(), "made_from": self._inputs}
            checkpoint.save_json(self.folder / "config.json", config | record)

    # ---- folders -------------------------------------------------------------------------------

    def of(self, stage: str) -> Path:
        """Folder of another stage of the same run, or of the one upstream if it has none."""
        own = self.root / stage
        name = self.config.get("upstream")
        if own.exists():
            return own
        if name is not None:
            return self.elsewhere(str(name), stage)
        return shipped_stage(str(self.config["name"]), self.seed, stage) or own

    def other(self, name: str, stage: str, checkpoint: str = "best") -> Path:
        """A checkpoint of a stage of the run `name`, of the same seed."""
        return checkpoint_path(self.elsewhere(name, stage), checkpoint)

    def elsewhere(self, name: str, stage: str) -> Path:
        """Folder of a stage of the run `name`, of the same seed, or of its upstream."""
        return find_stage(Path(self.config["runs"]), name, self.seed, stage)

    def made_upstream(self, of: str) -> Path | None:
        """Folder of this stage in the run upstream, if it was made there from the same `of`."""
        name = self.config.get("upstream")
        if name is None:
            return None
        folder = self.elsewhere(str(name), self.stage.name)
        done = read_done(folder)
        return None if done is None or done["inputs"][of] != self._inputs[of] else folder

    def checkpoint(self, name: str = "last") -> Path:
        """Path of one of this stage's checkpoints."""
        return checkpoint_path(self.folder, name)

    def begin(self) -> None:
        """The stage's results are about to change: from here on it is not finished any more."""
        self._mark.begin()

    def save(self, name: str, content: dict[str, Any]) -> None:
        """Write one of this stage's checkpoints, of tensors and plain types."""
        self.begin()
        checkpoint.save(self.checkpoint(name), content)

    def subrun(self, name: str, seed: int | None = None) -> Subrun:
        """A second training within this stage, with a folder and a log; the run's seed if None."""
        self._subruns.append(Subrun(self, name, self.seed if seed is None else seed))
        return self._subruns[-1]

    # ---- output --------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """One line on the terminal."""
        message = f"[bold]{self.stage.name}[/]: {escape(text)}"
        self.console.print(message, highlight=False, soft_wrap=True)

    def log(self, resume_step: int = 0, rows: Sequence[Row] | None = None) -> Log:
        """The stage's log; the first call says from which step a resumed run goes on.

        `rows` are what is known of all steps so far; None: what was logged of them.
        """
        if self._log is None:
            self._log = Log(self.folder, resume_step, self.log_config(), rows)
        return self._log

    def log_config(self, part: str | None = None) -> LogConfig:
        """How the log of this stage, or of a part of it, is labelled."""
        name = self.stage.name
        return LogConfig(
            self._logger,
            Path(self.config["runs"]),
            f"{self.config['name']}/seed{self.seed}",
            name if part is None else f"{name}/{part}",
            hyperparameters(self._configs()),
        )

    def progress(self, total: int, unit: str, start: int = 0) -> AbstractContextManager[Bar]:
        """A progress bar with ETA; without a terminal, a line every half minute instead."""
        return progress_bar(self.stage.name, total, unit, start, self.console, self.say)

    # ---- ending --------------------------------------------------------------------------------

    def close(self) -> None:
        """Flush the logs, stop sampling the memory, and let other processes into the folder."""
        self._memory.stop()
        for log in (self._log, *(subrun._log for subrun in self._subruns)):
            if log is not None:
                log.close()
        if self._lock is not None:
            self._lock.release()

    def finish(self, figures: Mapping[str, float | int | str], missing: Sequence[str] = ()) -> None:
        """Mark the stage as done, with the figures that the closing table shows.

        Files in `missing` could not be made, though all that counts was: the same command tries
        again.
        """
        self._finish_logs(figures)
        content = {
            "inputs": self._inputs,
            "models": self._models,
            "grows": {key: lookup(self.config, key) for key in self.stage.extendable},
            "hardware": hardware(),
            "figures": dict(figures),
            "missing": list(missing),
        }
        minutes, memory = self._mark.finish(content, *self._spent())
        spent = f"{minutes:.1f} min, peak memory {memory:.2f} GB"
        self.say(f"done in {spent}; {_listed(figures)}; files in {self.folder}")
        if missing:
            self.say(f"without {', '.join(missing)}, which the same command tries to make again")
        self.done = True

    def interrupted(self) -> None:
        """Keep the minutes and the memory of a run that did not get to its end."""
        if not self.done:
            with suppress(UserError):
                self._mark.spend(*self._spent())

    def _spent(self) -> tuple[float, float]:
        """Minutes and GB of this call."""
        return (time.time() - self._started) / 60, self._memory.stop()

    def _finish_logs(self, figures: Mapping[str, float | int | str]) -> None:
        before = {stage: read_done(self.of(stage)) for stage in self.stage.inputs}
        known = {
            stage: done.get("figures", {}) for stage, done in before.items() if done is not None
        }
        for log in (self._log, *(subrun._log for subrun in self._subruns)):
            if log is not None:
                log.finish(known | {self.stage.name: figures})

    # ---- inside --------------------------------------------------------------------------------

    @property
    def _logger(self) -> str:
        return str(self.config.get("logger", "tensorboard"))

    def _configs(self) -> dict[str, Mapping[str, Any]]:
        """What this stage of the pipeline, and those before it, are made with."""
        names = list(PIPELINE)
        if self.stage.name not in names:
            return {}
        found: dict[str, Mapping[str, Any]] = {}
        for name in names[: names.index(self.stage.name)]:
            path = self.of(name) / "config.json"
            if path.exists():
                found[name] = current_config(read_json(path))
        return found | {self.stage.name: self.config}

    def _input_id(self, stage: str) -> str:
        done = read_done(self.of(stage))
        if done is not None:
            return done["id"]
        name = str(self.config["name"])
        rounds = last_round(Path(self.config["runs"]), name, self.seed)
        if rounds is not None:
            raise UserError(f"The run {name} has rounds: give name={rounds} for the last of them.")
        above = self.config.get("upstream")
        if above is not None:
            folder = Path(self.config["runs"]) / str(above)
            if not folder.is_dir():
                raise UserError(f"upstream={above} names no run: there is no {folder}.")
        raise UserError(
            f"{self.of(stage)} is not finished: run `{spoken(stage)}` with the same overrides "
            f"before {self.stage.name}, or take it from another run with upstream=<name>."
        )

    def _check_config(self) -> None:
        """Refuse to mix two configurations, or results of two inputs, in one folder."""
        path = self.folder / "config.json"
        # A call that failed before it made anything does not bind the next one.
        if not path.exists() or all(part.name in RECORDS for part in self.folder.iterdir()):
            return
        before = current_config(read_json(path))
        for key, old, new in differences(before, self.config, self.stage.keys):
            if key in self.stage.extendable:
                continue
            raise UserError(
                f"{self.folder} was made with {key}={old}, this call says {new}: give it "
                f"another name=…, or delete the folder."
            )
        self._check_inputs(before.get("made_from", {}))

    def _check_inputs(self, made_from: Mapping[str, str]) -> None:
        for stage, made in made_from.items():
            if made != self._inputs.get(stage, made):
                raise UserError(
                    f"{self.folder} was made from an older {stage}: delete {self.folder} to make "
                    "it again, or give the new run another name=…"
                )

    def _made_with(self) -> dict[str, str]:
        """Ids of the V, M and C that this stage's inputs are, or were made with.

        Sizes alone don't tell: an M that was trained on another V's latents would run, and dream
        nonsense.
        """
        found: dict[str, tuple[str, Path]] = {}
        for stage in (*self.stage.inputs, *self.stage.optional_inputs):
            folder = self.of(stage)
            done = read_done(folder)
            if done is None:
                continue
            own = {stage: done["id"]} if stage in MODELS else {}
            for model, made in (done.get("models", {}) | own).items():
                other, where = found.setdefault(model, (made, folder))
                if other != made:
                    raise UserError(
                        f"{where} and {folder} do not belong together: each was made with another "
                        f"{model}. Make the later one again, or name one run that has both with "
                        "upstream=…"
                    )
        return {model: made for model, (made, _) in found.items()}

    def _is_done(self) -> bool:
        done = self._mark.done()
        if done is None:
            return False
        self._check_inputs(done["inputs"])
        grown = {key: lookup(self.config, key) for key in self.stage.extendable}
        more = any(is_more(value, done["grows"].get(key)) for key, value in grown.items())
        missing = done.get("missing", [])
        if missing and grown == done["grows"]:
            self.say(f"making what is missing ({', '.join(missing)})")
            self._mark.extend()
            return False
        if not more:
            self.say(f"done already ({_listed(done['figures'])}); files in {self.folder}")
            return True
        changed = ", ".join(f"{k}: {done['grows'].get(k)} → {v}" for k, v in grown.items()
                            if v != done["grows"].get(k))  # fmt: skip
        self.say(f"going on from the finished run ({changed})")
        self._mark.extend()
        return False


def _listed(figures: Mapping[str, float | int | str]) -> str:
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in figures.items()
    )
