"""The loss that sees what moves: its value, what it is blind to, and what it learns to see."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from worldmodel.data.motion import find_motion, unpack
from worldmodel.models.sight import moving_explained
from worldmodel.models.vae import VAE, VAEConfig, gaussian_kl

CONF = Path(__file__).parents[2] / "conf" / "vae"
SMALL = VAEConfig(4, 0.0, (4, 8, 8, 16), (8, 8, 4), moving_nats=300.0, moving_share=0.5)


def balls(count: int, size: int = 3, seed: int = 0) -> dict[str, Tensor]:
    """A grey square somewhere on a striped background, which jumps at every step."""
    rng = np.random.default_rng(seed)
    frames = np.full((count, 64, 64, 3), 40, np.uint8)
    frames[:, ::8] = 90
    for frame, (row, column) in zip(frames, rng.integers(0, 64 - size, (count, 2)), strict=True):
        frame[row : row + size, column : column + size] = 220
    return batch_of(frames)


def batch_of(frames: np.ndarray) -> dict[str, Tensor]:
    moves = unpack(find_motion(frames, 0.15), 64, 64)
    return {"frames": torch.from_numpy(frames), "moves": torch.from_numpy(moves)}


def rows(batch: dict[str, Tensor], at) -> dict[str, Tensor]:
    return {name: part[at] for name, part in batch.items()}


def flash(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same with one frame, in the middle, all of which is white."""
    frames = batch["frames"].numpy().copy()
    frames[len(frames) // 2] = 255
    return batch_of(frames)


def blind(vae: VAE) -> VAE:
    """A V whose decoder says nothing: what it draws is the mean frame."""
    with torch.no_grad():
        for layer in (vae.decoder[-1], vae.to_mu, vae.to_logvar):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
    return vae


def test_the_presets_have_the_sizes_of_the_paper_and_a_sixteenth_of_them():
    count = {}
    for name in ("moving", "moving_small"):
        plain = OmegaConf.to_container(
            OmegaConf.merge(*(OmegaConf.load(CONF / f"{part}.yaml") for part in ("ha2018", name)))
        )
        if name == "moving_small":
            plain |= OmegaConf.to_container(OmegaConf.load(CONF / "moving_small.yaml"))
        known = {field.name for field in dataclasses.fields(VAEConfig)}
        vae = VAE(VAEConfig(**{key: value for key, value in plain.items() if key in known}))
        count[name] = sum(weight.numel() for weight in vae.parameters())
    assert count["moving"] == 4_348_547
    assert count["moving_small"] < 4_348_547 / 13


def test_loss_by_hand():
    torch.manual_seed(0)
    vae, data = VAE(SMALL), balls(50)
    vae.measure(data)
    batch = rows(data, slice(3))
    with torch.no_grad():
        torch.manual_seed(7)
        loss, logs = vae.loss(batch)
        mu, logvar = vae.encode(batch["frames"])
        torch.manual_seed(7)
        decoded = vae.decode(vae.sample(mu, logvar)).double()
    everything = data["frames"].double() / 255
    mean = everything.mean(0)

    def errors(frames: Tensor, moves: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """Of the weighted pixels, and of those that move."""
        weight = 1 + 10 * ((frames - mean).abs().amax(-1, keepdim=True) > 0.15)
        squared = (frames - drawn).square()
        return (squared * weight).sum((1, 2, 3)), (squared * moves[..., None]).sum((1, 2, 3))

    share = 0.0
    missed = errors(everything[:3], data["moves"][:3], decoded)
    for miss, there in zip(missed, errors(everything, data["moves"], mean[None]), strict=True):
        most = there.clamp_min(there.median())
        share += 0.5 * float((miss / most[:3]).mean() / (there / most).mean())
    kl = gaussian_kl(mu, logvar).mean().item()
    assert logs["unexplained"].item() == pytest.approx(share, rel=1e-4)
    assert loss.item() == pytest.approx(300 * share + kl, rel=1e-4)


@pytest.mark.parametrize("size", [2, 5, 30])
def test_a_blind_v_costs_as_much_whatever_moves(size):
    vae, data = VAE(SMALL), balls(200, size)
    vae.measure(data)
    loss, logs = blind(vae).loss(data)
    assert logs["kl"].item() == 0
    assert loss.item() == pytest.approx(300, rel=1e-3)
    assert moving_explained(vae, data) == pytest.approx(0, abs=1e-3)


def test_a_frame_that_flashes_counts_no_more_than_another():
    """Else a V that draws nothing but it would have explained nearly all."""
    vae, data = VAE(SMALL), flash(balls(200))
    vae.measure(data)
    loss, _ = blind(vae).loss(data)
    alone, _ = vae.loss(rows(data, slice(100, 101)))
    assert loss.item() == pytest.approx(300, rel=1e-3)
    assert alone.item() < 1.3 * 300
    amounts = (
        (data["frames"].float() / 255 - vae.mean_frame.permute(1, 2, 0)).square().sum((1, 2, 3))
    )
    assert amounts[100] > 0.7 * amounts.sum()


def test_a_landscape_of_each_episodes_own_does_not_hide_what_moves_before_it():
    data = balls(200, size=2)
    for part in (slice(100), slice(100, 200)):  # two episodes
        data["frames"][part, 40:] = torch.randint(0, 255, (24, 64, 3), dtype=torch.uint8)
    shown = {}
    for share in (0.0, 0.5):
        vae = VAE(dataclasses.replace(SMALL, moving_share=share))
        vae.measure(data)
        with torch.no_grad():  # all of the landscape, and no ball
            maps = data["frames"].permute(0, 3, 1, 2).float() / 255
            drawn = maps.clone()
            drawn[:, :, :40] = vae.mean_frame[:, :40]
            shown[share] = float(vae._unexplained(maps, drawn, data["moves"]))
    assert shown[0.0] < 0.05
    assert shown[0.5] > 0.3


def test_v_begins_at_the_mean_frame_of_the_data():
    data = balls(100)
    vae = VAE(SMALL)
    vae.measure(data)
    mean = (data["frames"].double() / 255).mean(0)
    drawn = blind(vae).decode(torch.zeros(1, 4))[0].double()
    assert (drawn - mean).abs().max() < 0.01


def test_a_trained_v_keeps_its_mean_frame_and_measures_anew_how_much_moves():
    vae = VAE(SMALL)
    vae.measure(balls(100))
    before = {name: value.clone() for name, value in vae.named_buffers()}
    vae.measure(balls(100, size=12), keep_mean=True)
    assert torch.equal(vae.mean_frame, before["mean_frame"])
    assert torch.equal(vae.scale, before["scale"])
    assert (vae.usual > 5 * before["usual"]).all()


def test_data_in_which_nothing_moves_give_a_finite_loss():
    vae, data = VAE(SMALL), batch_of(np.full((20, 64, 64, 3), 127, np.uint8))
    vae.measure(data)
    loss, _ = vae.loss(data)
    loss.backward()
    assert all(torch.isfinite(weight.grad).all() for weight in vae.parameters())
    assert moving_explained(vae, data) == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"moving_nats": 0.0}, "vae.moving_nats is 0.0: it must be positive"),
        ({"moving_nats": float("nan")}, "vae.moving_nats is nan"),
        ({"moving_weight": -1.0}, "vae.moving_weight is -1.0: it must be 0 or more"),
        ({"moving_share": 1.5}, "vae.moving_share is 1.5: use 0 to 1"),
        ({"moving_threshold": 1.0}, "vae.moving_threshold is 1.0: it must be between 0 and 1"),
    ],
)
def test_bad_numbers_are_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        dataclasses.replace(SMALL, **changes)


@pytest.mark.slow
def test_a_small_ball_is_seen_where_the_loss_of_the_paper_leaves_it_out():
    seen = {}
    for nats in (300.0, None):
        torch.manual_seed(0)
        widths = (8, 16, 16, 32), (32, 16, 8)
        vae = VAE(VAEConfig(8, 0.0, *widths, moving_nats=nats, moving_share=0.5))
        data = balls(1000, size=4)
        vae.measure(data)
        optimizer = torch.optim.Adam(vae.parameters(), 2e-3)
        for step in range(300):
            loss, _ = vae.loss(rows(data, torch.arange(step * 32, (step + 1) * 32) % 1000))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seen[nats] = moving_explained(vae, balls(200, size=4, seed=1))
    assert seen[300.0] > 0.5
    assert seen[None] < 0.1
