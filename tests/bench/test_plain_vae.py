"""The naive V is the same function as ours, so their speeds may be compared."""

import torch

from worldmodel.bench.plain_vae import PlainVAE, training_speed
from worldmodel.models.vae import VAE, VAEConfig

CONFIG = VAEConfig(4, 0.5, (4, 8, 8, 16), (8, 8, 4))


def test_same_parameters_same_loss_same_gradient():
    torch.manual_seed(0)
    ours, plain = VAE(CONFIG), PlainVAE(CONFIG)
    plain.load_state_dict(ours.state_dict())
    obs = torch.randint(0, 256, (5, 64, 64, 3), dtype=torch.uint8)
    losses = []
    for loss in (lambda: ours.loss(obs)[0], lambda: plain.loss(obs)):
        torch.manual_seed(1)
        losses.append(loss())
        losses[-1].backward()
    torch.testing.assert_close(losses[0], losses[1])
    there = dict(plain.named_parameters())
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, there[name].grad, rtol=1e-3, atol=1e-3)


def test_both_are_timed():
    fast, plain = training_speed(CONFIG, "fp32", 2)
    assert fast > 0
    assert plain > 0
