"""The loop: resumes bitwise for V and M, refuses NaN, keeps the best."""

from dataclasses import replace

import pytest
import torch
from recorder import Recorder
from torch import nn

from worldmodel.models.mdnrnn import MDNRNN, MDNRNNConfig
from worldmodel.models.vae import VAE, VAEConfig
from worldmodel.run import checkpoint
from worldmodel.train.fit import FitConfig, fit, take_best
from worldmodel.train.holdout import holdout_losses
from worldmodel.train.precision import choose_precision
from worldmodel.types import UserError

CONFIG = FitConfig(
    optimizer="adam",
    steps=6, learning_rate=1e-3, schedule="constant", clip_value=1.0, precision="fp32",
    log_every=1, holdout_every=2, checkpoint_every=3,
)  # fmt: skip
VAE_CONFIG = VAEConfig(4, 0.5, (4, 8, 8, 16), (8, 8, 4))
RNN_CONFIG = MDNRNNConfig(8, 2, "per_dim", -7.0, 3.0, True, True, False, 1.0, 1.0, 1.0, 10.0)


class Frames:
    def batches(self, start):
        while True:
            generator = torch.Generator().manual_seed(start)
            yield torch.randint(0, 256, (4, 64, 64, 3), dtype=torch.uint8, generator=generator)
            start += 1

    def holdout(self):
        return [next(self.batches(1_000_000))]


class Windows(Frames):
    def batches(self, start):
        while True:
            g = torch.Generator().manual_seed(start)
            yield {
                "mu": torch.randn(3, 6, 4, generator=g),
                "logvar": torch.randn(3, 6, 4, generator=g),
                "action": torch.randn(3, 5, 2, generator=g),
                "reward": torch.randn(3, 5, generator=g),
                "end": torch.zeros(3, 5),
                "mask": torch.ones(3, 5),
            }
            start += 1


def make_vae():
    torch.manual_seed(0)
    return VAE(VAE_CONFIG)


def make_mdnrnn():
    torch.manual_seed(0)
    return MDNRNN(RNN_CONFIG, 4, 2)


@pytest.mark.parametrize(
    ("make", "data", "optimizer"),
    [
        (make_vae, Frames(), "adam"),
        (make_mdnrnn, Windows(), "adam"),
        (make_mdnrnn, Windows(), "rmsprop"),
    ],
)
def test_resume_is_bitwise(make, data, optimizer, tmp_path):
    config = replace(CONFIG, optimizer=optimizer)
    whole = make()
    fit(whole, data, config, Recorder(tmp_path / "a"), about={})
    fit(make(), data, replace(config, steps=3), Recorder(tmp_path / "b"), about={})
    resumed = make()
    fit(resumed, data, config, Recorder(tmp_path / "b"), about={})
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    one, two = (checkpoint.load(tmp_path / name / "last.pt") for name in "ab")
    moments = [saved["optimizer"]["state"] for saved in (one, two)]
    for key in moments[0]:
        for name in moments[0][key]:
            assert torch.equal(moments[0][key][name], moments[1][key][name])
    assert one["step"] == two["step"] == 6


def test_the_same_seed_gives_the_same_weights_whatever_ran_before(tmp_path):
    first, second = make_vae(), make_vae()
    fit(first, Frames(), CONFIG, Recorder(tmp_path / "a"), about={})
    torch.randn(100)
    fit(second, Frames(), CONFIG, Recorder(tmp_path / "b"), about={})
    assert torch.equal(first.to_mu.weight, second.to_mu.weight)


class Overfitting(nn.Module):
    """Its hold-out loss falls and rises again."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.losses = iter([3.0, 1.0, 2.0, 4.0])

    def loss(self, batch):
        value = self.weight.sum() if self.training else torch.tensor(next(self.losses))
        return value, {}


def test_best_is_the_lowest_holdout_loss(tmp_path):
    run, model = Recorder(tmp_path), Overfitting()
    fit(model, Frames(), replace(CONFIG, steps=8), run, about={"kind": "toy"})
    best, last = (checkpoint.load(run.checkpoint(name)) for name in ("best", "last"))
    assert (best["step"], best["holdout"]["loss"]) == (4, 1.0)
    assert (last["step"], last["holdout"]["loss"], last["best"]) == (8, 4.0, 1.0)
    assert best["about"] == {"kind": "toy"}
    assert not torch.equal(best["weights"]["weight"], last["weights"]["weight"])
    assert torch.equal(model.weight, last["weights"]["weight"])
    assert take_best(model, run) == (4, {"loss": 1.0})
    assert torch.equal(model.weight, best["weights"]["weight"])


@pytest.mark.parametrize(("make", "data"), [(make_vae, Frames()), (make_mdnrnn, Windows())])
def test_other_batches_are_measured_as_the_held_out_ones_are(make, data, tmp_path):
    model = make()
    result = fit(model, data, CONFIG, Recorder(tmp_path), about={}, device="cpu")
    torch.randn(10)
    options = {"seed": Recorder(tmp_path).seed, "precision": result.precision, "device": "cpu"}
    assert holdout_losses(model, data.holdout(), **options) == result.holdout
    assert holdout_losses(model, [next(data.batches(7))], **options) != result.holdout
    assert holdout_losses(model, [], **options) == {}
    assert not model.training


class Exploding(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.calls = 0

    def loss(self, batch):
        self.calls += 1
        bad = float("nan") if self.calls > 4 else 1.0
        return (self.weight * bad).sum(), {}


def test_nan_stops_and_keeps_the_last_good_checkpoint(tmp_path):
    run = Recorder(tmp_path)
    with pytest.raises(UserError, match="loss became nan") as caught:
        fit(Exploding(), Frames(), replace(CONFIG, checkpoint_every=1), run, about={})
    assert str(run.checkpoint()) in str(caught.value)
    assert torch.isfinite(checkpoint.load(run.checkpoint())["weights"]["weight"]).all()


class Broken(nn.Module):
    """Every training loss is finite; the gradient is not, or what is held out is not."""

    def __init__(self, gradient):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.gradient = gradient
        if gradient:
            self.weight.register_hook(lambda slope: slope * torch.nan)

    def loss(self, batch):
        bad = torch.nan if not (self.training or self.gradient) else 0.0
        return self.weight.sum() + bad, {}


def test_a_holdout_loss_that_is_nan_is_no_result(tmp_path):
    run = Recorder(tmp_path)
    with pytest.raises(UserError, match="hold-out loss became nan"):
        fit(Broken(gradient=False), Frames(), CONFIG, run, about={})
    assert not run.checkpoint("best").exists()


def test_weights_that_broke_are_not_saved(tmp_path):
    run, config = Recorder(tmp_path), replace(CONFIG, checkpoint_every=1, clip_value=None)
    with pytest.raises(UserError, match="largest weight became nan by step 1"):
        fit(Broken(gradient=True), Frames(), config, run, about={})
    assert not run.checkpoint().exists()


def test_auto_precision_measures_and_leaves_the_weights_alone(tmp_path):
    vae, run = make_vae(), Recorder(tmp_path)
    chosen = choose_precision(vae, Frames(), "auto", "cpu", run)
    assert f"precision {chosen} (a step takes fp32" in run.said[0]
    for ours, fresh in zip(vae.parameters(), make_vae().parameters(), strict=True):
        assert torch.equal(ours, fresh)
        assert ours.grad is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("steps", 0),
        ("learning_rate", 0.0),
        ("precision", "int8"),
        ("schedule", "linear"),
        ("optimizer", "sgd"),
    ],
)
def test_bad_numbers_name_the_key(key, value):
    with pytest.raises(ValueError, match=key):
        replace(CONFIG, **{key: value})
