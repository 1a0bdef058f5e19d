"""Where a trained sequence model lies."""

from pathlib import Path

from worldmodel.run.layout import SHIPPED, SHIPPED_AS, read_done
from worldmodel.types import UserError

STAGE = "train_sequence"


def find_model(runs: Path, name: str, seed: int) -> tuple[Path, Path]:
    """The folder of a trained model, and the one for what it draws.

    Args:
        runs: folder of all runs.
        name: of the run, or of a model that comes with the package.
        seed: of the run; the model that comes with the package has one of its own.

    Raises:
        UserError: if there is none, or it has not finished.
    """
    own = runs / name / f"seed{seed}"
    if read_done(own / STAGE) is not None:
        return own / STAGE, own / "draw"
    shipped = SHIPPED / name.removeprefix(f"{SHIPPED_AS}/")
    found = sorted(shipped.glob(f"seed*/{STAGE}"))
    if not found or (own / STAGE).exists():
        raise UserError(
            f"{own / STAGE} is not finished: run `worldmodel train_sequence` with name={name} and "
            "its system=… first."
        )
    return found[0], runs / SHIPPED_AS / shipped.name / "draw"
