"""V and M rebuilt from their checkpoints alone."""

from pathlib import Path
from typing import Any

from worldmodel.models.mdnrnn import MDNRNN, MDNRNNConfig
from worldmodel.models.vae import VAE, VAEConfig
from worldmodel.run import checkpoint
from worldmodel.types import UserError

NEEDS = ("about", "weights")


def load_vae(path: Path, precision: str = "fp32") -> VAE:
    """V in eval mode; it encodes in "fp32" or "bf16"."""
    saved = checkpoint.load(path, NEEDS)
    about = _about(saved, path, "vae")
    with checkpoint.describing(path):
        vae = VAE(VAEConfig(**about))
    checkpoint.load_weights(vae, saved["weights"], path)
    return vae.eval().hasten() if precision == "bf16" else vae.eval()


def load_mdnrnn(path: Path) -> MDNRNN:
    """M in eval mode."""
    saved = checkpoint.load(path, NEEDS)
    about = _about(saved, path, "mdnrnn")
    with checkpoint.describing(path):
        z_dim, action_dim = about.pop("z_dim"), about.pop("action_dim")
        mdnrnn = MDNRNN(MDNRNNConfig(**about), z_dim, action_dim)
    checkpoint.load_weights(mdnrnn, saved["weights"], path)
    return mdnrnn.eval()


def _about(saved: dict[str, Any], path: Path, kind: str) -> dict[str, Any]:
    about = dict(saved["about"])
    if about.pop("kind", None) != kind:
        raise UserError(f"{path} is not a checkpoint of a {kind}: point to the right file.")
    return about
