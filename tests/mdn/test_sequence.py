import pytest
import torch

from worldmodel.mdn import BernoulliHead, MixtureHead, SequenceModel


@pytest.fixture
def model():
    torch.manual_seed(0)
    heads = {"z": MixtureHead(24, 3, 2, "per_dim", -7.0, 3.0), "end": BernoulliHead(24)}
    return SequenceModel(5, 24, heads)


@pytest.mark.parametrize("batch", [1, 6])
def test_steps_give_what_forward_gives(model, batch):
    x = torch.randn(batch, 20, 5)
    features, last = model(x)
    state = model.initial_state(batch)
    for t in range(20):
        feature, state = model.step(x[:, t], state)
        torch.testing.assert_close(feature, features[:, t], rtol=0, atol=1e-6)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-6)


def test_a_sequence_cut_in_two_goes_on_from_the_state(model):
    x = torch.randn(2, 10, 5)
    whole, last = model(x)
    first, state = model(x[:, :4])
    second, end = model(x[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=0, atol=1e-6)
    torch.testing.assert_close(end, last, rtol=0, atol=1e-6)


def test_steps_give_forwards_gradients(model):
    x = torch.randn(2, 6, 5)
    model(x)[0].sum().backward()
    expected = [p.grad.clone() for p in model.lstm.parameters()]
    model.zero_grad()
    state, total = model.initial_state(2), 0
    for t in range(6):
        feature, state = model.step(x[:, t], state)
        total = total + feature.sum()
    total.backward()
    for parameter, gradient in zip(model.lstm.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-5)


def test_the_past_matters_and_the_future_does_not(model):
    x = torch.randn(1, 8, 5)
    changed = x.clone()
    changed[:, 4] += 1
    before, after = model(x)[0], model(changed)[0]
    assert torch.equal(before[:, :4], after[:, :4])
    assert (before[:, 7] - after[:, 7]).abs().max() > 1e-6


def test_bfloat16_training_stays_close_to_full_precision(model):
    x, z = torch.randn(4, 12, 5), torch.randn(4, 12, 3)
    exact = model.heads(model(x)[0])["z"].log_prob(z).mean()
    with torch.autocast("cpu", torch.bfloat16):
        loss = -model.heads(model(x)[0])["z"].log_prob(z).mean()
        stepped, _ = model.step(x[:, 0], model.initial_state(4))
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(-exact.item(), abs=0.02)
    assert all(p.grad.isfinite().all() for p in model.lstm.parameters())
    torch.testing.assert_close(stepped.float(), model(x[:, :1])[0][:, 0], rtol=0, atol=0.02)


def test_heads_are_read_by_name(model):
    out = model.heads(torch.randn(2, 7, 24))
    assert set(out) == {"z", "end"}
    assert out["z"].mean.shape == (2, 7, 3)
    assert out["end"].probability.shape == (2, 7)
