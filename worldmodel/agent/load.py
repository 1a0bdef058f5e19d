"""Models rebuilt from their checkpoints alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from worldmodel.models.mdnrnn import MDNRNN, MDNRNNConfig
from worldmodel.models.vae import VAE, VAEConfig
from worldmodel.run import checkpoint
from worldmodel.types import EnvSpec, UserError


def load_vae(path: Path) -> VAE:
    """V in eval mode."""
    saved = checkpoint.load(path, made_by="train_vae")
    vae = VAE(VAEConfig(**_about(saved, path, "vae")))
    checkpoint.load_weights(vae, saved["weights"], path)
    return vae.eval()


def load_mdnrnn(path: Path) -> MDNRNN:
    """M in eval mode."""
    saved = checkpoint.load(path, made_by="train_mdnrnn")
    about = dict(_about(saved, path, "mdnrnn"))
    z_dim, action_dim = about.pop("z_dim"), about.pop("action_dim")
    mdnrnn = MDNRNN(MDNRNNConfig(**about), z_dim, action_dim)
    checkpoint.load_weights(mdnrnn, saved["weights"], path)
    return mdnrnn.eval()


def load_controller(path: Path) -> tuple[torch.Tensor, dict[str, Any]]:
    """Parameters (n,) of C and what its checkpoint says of it."""
    saved = checkpoint.load(path, made_by="train_controller")
    about = dict(_about(saved, path, "controller"))
    if "params" not in saved:
        raise UserError(f"{path} is a search, not a controller: use best.pt or mean.pt beside it.")
    return saved["params"].float(), about


def load_search(path: Path) -> dict[str, Any]:
    """What an interrupted search says of its controllers; nothing if there is none."""
    return dict(checkpoint.load(path).get("about", {})) if path.exists() else {}


def check_spec(about: dict[str, Any], now: EnvSpec, path: Path | str) -> EnvSpec:
    """The environment `now`, if it is the one that a controller was evolved for.

    How the controller's output becomes an action (`squash`) is the controller's own.

    Raises:
        UserError: if it is another one, or has another action repeat.
    """
    trained = EnvSpec.from_dict(about["spec"])
    for key in ("id", "action_dim", "obs_shape", "frame_skip"):
        was, here = getattr(trained, key), getattr(now, key)
        if was != here:
            raise UserError(
                f"{path} was evolved with {key} {was}, this call says {here}: use the env=… and "
                "experiment=… that it was trained with."
            )
    return replace(now, squash=trained.squash)


def _about(saved: dict[str, Any], path: Path, kind: str) -> dict[str, Any]:
    about = dict(saved.get("about", {}))
    if about.pop("kind", None) != kind:
        raise UserError(f"{path} is not a checkpoint of a {kind}: point to the right file.")
    return about
