"""A few places where dreams may begin, kept beside an agent whose episodes are not there."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from worldmodel.mdn import State
from worldmodel.models.mdnrnn import MDNRNN
from worldmodel.run import checkpoint
from worldmodel.types import UserError

STAGE = "page"  # the folder of an exported agent that holds them
FILE = "starts.safetensors"


@dataclass(frozen=True, slots=True)
class Places:
    """S places: what is seen there, and what M remembers.

    Attributes:
        z: (S, Z), the mean of V's latents.
        hidden, cell: (S, H), M's state.
        restart: (S, 1), 1 at first frames; M sees it if it has `restart_input`.
    """

    z: Tensor
    hidden: Tensor
    cell: Tensor
    restart: Tensor

    def __len__(self) -> int:
        """S."""
        return len(self.z)

    def first(self) -> "Places":
        """Those at first frames."""
        fresh = self.restart.squeeze(-1) > 0
        return Places(self.z[fresh], self.hidden[fresh], self.cell[fresh], self.restart[fresh])

    def state(self, mdnrnn: MDNRNN, rows: Tensor) -> State:
        """M's state at the places `rows` (B,)."""
        state = (self.hidden[rows], self.cell[rows])
        return (*state, self.restart[rows]) if mdnrnn.config.restart_input else state

    def to(self, device: torch.device) -> "Places":
        """The same on another device."""
        parts = (self.z, self.hidden, self.cell, self.restart)
        return Places(*(part.to(device) for part in parts))

    def write(self, path: Path) -> int:
        """Write them as safetensors; returns the bytes written.

        Raises:
            UserError: if the file can't be written.
        """
        parts = {"z": self.z, "hidden": self.hidden, "cell": self.cell, "restart": self.restart}
        checkpoint.save_safetensors(path, parts)
        return path.stat().st_size

    @classmethod
    def read(cls, path: Path, z_dim: int, hidden: int) -> "Places":
        """Read what `write` wrote, for V and M of these sizes.

        Raises:
            UserError: if it is missing, broken, or of other sizes.
        """
        saved = checkpoint.load(path, ("z", "hidden", "cell", "restart"))
        found = cls(saved["z"], saved["hidden"], saved["cell"], saved["restart"])
        shapes = [tuple(part.shape[1:]) for part in (found.z, found.hidden, found.cell)]
        if shapes != [(z_dim,), (hidden,), (hidden,)] or not len(found):
            raise UserError(
                f"{path} does not hold starts of an agent with {z_dim} latents and {hidden} hidden "
                "units: export the agent again."
            )
        return found
