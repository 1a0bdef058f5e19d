"""V: sizes, loss, free bits, and the fast route against the plain layers."""

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from worldmodel.models.fast_deconv import FastConvTranspose2d
from worldmodel.models.vae import LOGVAR_BOUND, VAE, VAEConfig, gaussian_kl
from worldmodel.types import UserError

CONF = Path(__file__).parents[2] / "conf" / "vae"


def config(name: str, **changes) -> VAEConfig:
    plain = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    plain.pop("_target_")
    return VAEConfig(**{**plain, **changes})


def frames(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 64, 64, 3), dtype=torch.uint8, generator=generator)


@pytest.fixture
def vae() -> VAE:
    torch.manual_seed(0)
    return VAE(config("tiny"))


def test_hastened_it_encodes_nearly_the_same(vae):
    with torch.no_grad():
        mu, logvar = vae.encode(frames(6))
        fast_mu, fast_logvar = vae.hasten().encode(frames(6))
    assert fast_mu.dtype == fast_logvar.dtype == torch.float32
    assert {weight.dtype for weight in vae.state_dict().values()} == {torch.float32}
    assert not torch.equal(mu, fast_mu)
    assert (mu - fast_mu).abs().max() < 0.02 * mu.std()
    assert (logvar - fast_logvar).abs().max() < 0.02


def plain_layers(vae: VAE) -> VAE:
    """The same weights on nn.ConvTranspose2d, in contiguous memory."""
    plain = VAE(vae.config)
    for at, layer in enumerate(plain.decoder):
        if isinstance(layer, FastConvTranspose2d):
            size = layer.kernel_size
            plain.decoder[at] = nn.ConvTranspose2d(
                layer.in_channels, layer.out_channels, size, stride=2
            )
    plain.load_state_dict(vae.state_dict())
    return plain.to(memory_format=torch.contiguous_format)


@pytest.mark.parametrize(("z_dim", "count"), [(32, 4_348_547), (64, 4_446_915)])
def test_parameters_are_those_of_the_paper(z_dim, count):
    assert sum(p.numel() for p in VAE(config("ha2018", z_dim=z_dim)).parameters()) == count


def test_shapes_types_and_ranges(vae):
    mu, logvar = vae.encode(frames(3))
    decoded = vae.decode(vae.sample(mu, logvar))
    assert mu.shape == logvar.shape == (3, 4)
    assert decoded.shape == (3, 64, 64, 3)
    assert mu.dtype == logvar.dtype == decoded.dtype == torch.float32
    assert decoded.min() >= 0
    assert decoded.max() <= 1


def test_loss_is_squared_error_plus_floored_kl(vae):
    batch = frames(3)
    with torch.no_grad():
        vae.to_mu.weight *= torch.tensor([[0.0], [1.0], [40.0], [200.0]])
        torch.manual_seed(7)
        loss, logs = vae.loss(batch)
        mu, logvar = vae.encode(batch)
        torch.manual_seed(7)
        decoded = vae.decode(vae.sample(mu, logvar)).double()
    squared = [((decoded[i] - batch[i].double() / 255) ** 2).sum().item() for i in range(3)]
    q = torch.distributions.Normal(mu.double(), (logvar.double() / 2).exp())
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1)
    floored = sum(max(value, 0.5 * 4) for value in kl.tolist()) / 3
    assert logs["recon"].item() == pytest.approx(sum(squared) / 3, rel=1e-5)
    assert logs["kl"].item() == pytest.approx(kl.mean().item(), rel=1e-4)
    assert logs["kl_loss"].item() == pytest.approx(floored, rel=1e-4)
    assert loss.item() == pytest.approx(sum(squared) / 3 + floored, rel=1e-5)
    assert not any(value.requires_grad for value in logs.values())


def test_floor_is_per_sample_and_has_no_gradient_below(vae):
    encoder_grads = []
    for free_bits in (0.0, 100.0):
        model = VAE(config("tiny", free_bits=free_bits))
        model.load_state_dict(vae.state_dict())
        nn.init.zeros_(model.from_z.weight)  # the reconstruction no longer depends on z
        model.loss(frames(4))[0].backward()
        encoder_grads.append(model.to_mu.weight.grad.abs().max().item())
    assert encoder_grads[0] > 0
    assert encoder_grads[1] == 0


def test_floor_applies_to_each_sample(vae):
    mu, _ = vae.encode(frames(1))
    with torch.no_grad():
        vae.to_mu.bias += 3 - mu[0]
    batch = frames(2)
    with torch.no_grad():
        kl = gaussian_kl(*vae.encode(batch))
        floor = kl.mean().item() / vae.config.z_dim
        model = VAE(config("tiny", free_bits=floor))
        model.load_state_dict(vae.state_dict())
        _, logs = model.loss(batch)
    assert kl.max() > kl.min()
    assert logs["kl_loss"] > logs["kl"]


def test_active_units_counts_latents_that_vary(vae):
    with torch.no_grad():
        vae.to_mu.weight.zero_()
        vae.to_mu.weight[1] = 100.0
        _, logs = vae.loss(torch.cat([frames(2), torch.zeros(2, 64, 64, 3, dtype=torch.uint8)]))
    assert logs["active_units"] == 1


@pytest.mark.parametrize("logvar", [1e4, -1e4])
def test_gradients_are_finite_at_extremes(vae, logvar):
    with torch.no_grad():
        vae.to_logvar.bias.fill_(logvar)
        vae.to_mu.bias.fill_(1e3)
    batch = torch.stack([torch.zeros(64, 64, 3), torch.full((64, 64, 3), 255.0)]).to(torch.uint8)
    loss, _ = vae.loss(batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in vae.parameters())
    assert vae.encode(batch)[1].abs().max() == LOGVAR_BOUND


@pytest.mark.parametrize(
    ("inputs", "outputs", "kernel", "side"),
    [(64, 8, 5, 1), (6, 3, 6, 1), (8, 6, 5, 5), (6, 8, 6, 7), (8, 3, 6, 9), (5, 4, 4, 6)],
)
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_fast_deconv_is_the_plain_layer(inputs, outputs, kernel, side, memory):
    torch.manual_seed(1)
    fast = FastConvTranspose2d(inputs, outputs, kernel).to(memory_format=memory)
    plain = nn.ConvTranspose2d(inputs, outputs, kernel, stride=2)
    plain.load_state_dict(fast.state_dict())
    x = torch.randn(3, inputs, side, side).contiguous(memory_format=memory)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    out, expected = fast(ours), plain(theirs)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)
    upstream = torch.randn_like(expected)
    grads = torch.autograd.grad(out, [ours, *fast.parameters()], upstream)
    for got, want in zip(
        grads, torch.autograd.grad(expected, [theirs, *plain.parameters()], upstream), strict=True
    ):
        torch.testing.assert_close(
            got / want.abs().max(), want / want.abs().max(), rtol=1e-5, atol=1e-5
        )


def test_whole_model_equals_plain_contiguous_layers(vae):
    plain = plain_layers(vae)
    results = []
    for model in (vae, plain):
        torch.manual_seed(3)
        loss, _ = model.loss(frames(4))
        loss.backward()
        grads = {name: p.grad for name, p in model.named_parameters()}
        results.append((loss.detach(), grads))
    (loss, grads), (expected, wanted) = results
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-4)
    for name, want in wanted.items():
        scale = want.abs().max()
        torch.testing.assert_close(grads[name] / scale, want / scale, rtol=1e-4, atol=1e-4)


def test_a_frozen_decoder_still_passes_gradients_to_the_encoder(vae):
    vae.decoder.requires_grad_(False)
    vae.loss(frames(2))[0].backward()
    assert vae.to_mu.weight.grad.abs().max() > 0
    assert all(p.grad is None for p in vae.decoder.parameters())


def test_autocast_keeps_the_loss_in_fp32(vae):
    torch.manual_seed(5)
    exact, _ = vae.loss(frames(4))
    torch.manual_seed(5)
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = vae.loss(frames(4))
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=1e-2)
    assert all(torch.isfinite(p.grad).all() for p in vae.parameters())


def test_same_seed_gives_the_same_loss_and_forward_is_loss(vae):
    losses = []
    for call in (vae.loss, vae, vae):
        torch.manual_seed(11 + (len(losses) == 2))
        losses.append(call(frames(2))[0].item())
    assert losses[0] == losses[1] != losses[2]


def test_loss_falls_on_a_fixed_batch(vae):
    batch = frames(1).expand(8, -1, -1, -1) // 4
    optimizer = torch.optim.Adam(vae.parameters(), 1e-2, fused=True)
    losses = []
    for _ in range(15):
        loss, _ = vae.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize(
    "bad",
    [torch.zeros(1, 64, 64, 3), torch.zeros(1, 96, 96, 3).byte(), torch.zeros(64, 64, 3).byte()],
)
def test_wrong_frames_are_refused_with_a_sentence(vae, bad):
    with pytest.raises(UserError, match="uint8 frames"):
        vae.encode(bad)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("z_dim", 0),
        ("free_bits", -0.1),
        ("free_bits", float("nan")),
        ("encoder_channels", [4, 8]),
        ("decoder_channels", [8, 0, 4]),
    ],
)
def test_bad_config_names_the_key(key, value):
    with pytest.raises(ValueError, match=rf"vae\.{key}"):
        config("tiny", **{key: value})
