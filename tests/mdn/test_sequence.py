import pytest
import torch
from torch import nn

from worldmodel.mdn import BernoulliHead, CategoricalHead, MixtureHead, SequenceModel
from worldmodel.mdn.sequence import _lstm_cell


def build(input_dim=5, cell="lstm", layers=1):
    torch.manual_seed(0)
    heads = {"z": MixtureHead(24, 3, 2, factorization="per_dim"), "end": BernoulliHead(24)}
    return SequenceModel(input_dim, 24, heads, cell, layers)


@pytest.fixture
def model():
    return build()


@pytest.mark.parametrize("batch", [1, 6])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 3])
def test_steps_give_what_forward_gives(batch, cell, layers):
    model = build(5, cell, layers)
    x = torch.randn(batch, 20, 5)
    features, last = model(x)
    state = model.initial_state(batch)
    for t in range(20):
        feature, state = model.step(x[:, t], state)
        torch.testing.assert_close(feature, features[:, t], rtol=0, atol=1e-6)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("cell", "layers"), [("lstm", 1), ("lstm", 2), ("gru", 2)])
def test_a_sequence_cut_in_two_goes_on_from_the_state(cell, layers):
    model = build(5, cell, layers)
    x = torch.randn(2, 10, 5)
    whole, last = model(x)
    first, state = model(x[:, :4])
    second, end = model(x[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=0, atol=1e-6)
    torch.testing.assert_close(end, last, rtol=0, atol=1e-6)


def test_steps_give_forwards_gradients(model):
    x = torch.randn(2, 6, 5)
    model(x)[0].sum().backward()
    expected = [p.grad.clone() for p in model.rnn.parameters()]
    model.zero_grad()
    state, total = model.initial_state(2), 0
    for t in range(6):
        feature, state = model.step(x[:, t], state)
        total = total + feature.sum()
    total.backward()
    for parameter, gradient in zip(model.rnn.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-5)


def test_the_past_matters_and_the_future_does_not(model):
    x = torch.randn(1, 8, 5)
    changed = x.clone()
    changed[:, 4] += 1
    before, after = model(x)[0], model(changed)[0]
    assert torch.equal(before[:, :4], after[:, :4])
    assert (before[:, 7] - after[:, 7]).abs().max() > 1e-6


def test_the_cell_for_autocast_is_torchs():
    """On a GPU under autocast; its arithmetic is the same anywhere."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 5, generator=generator)
    state = tuple(torch.randn(3, 7, generator=generator) for _ in range(2))
    weights = nn.LSTM(5, 7).all_weights[0]
    ours, theirs = _lstm_cell(x, state, *weights), torch.lstm_cell(x, state, *weights)
    torch.testing.assert_close(ours, theirs)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = _lstm_cell(x, state, *weights)
    assert {part.dtype for part in rounded} == {torch.float32}
    torch.testing.assert_close(rounded, theirs, rtol=0.02, atol=0.02)


def test_bfloat16_training_stays_close_to_full_precision(model):
    x, z = torch.randn(4, 12, 5), torch.randn(4, 12, 3)
    exact = model.heads(model(x)[0])["z"].log_prob(z).mean()
    with torch.autocast("cpu", torch.bfloat16):
        loss = -model.heads(model(x)[0])["z"].log_prob(z).mean()
        stepped, _ = model.step(x[:, 0], model.initial_state(4))
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(-exact.item(), abs=0.02)
    assert all(p.grad.isfinite().all() for p in model.rnn.parameters())
    torch.testing.assert_close(stepped.float(), model(x[:, :1])[0][:, 0], rtol=0, atol=0.02)


def test_heads_are_read_by_name(model):
    out = model.heads(torch.randn(2, 7, 24))
    assert set(out) == {"z", "end"}
    assert out["z"].mean.shape == (2, 7, 3)
    assert out["end"].probs.shape == (2, 7)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_generating_is_stepping_on_ones_own_draws(cell):
    model = build(4, cell, 2)
    prime = torch.randn(3, 6, 4)
    out = model.generate(prime, 5, generator=torch.Generator().manual_seed(1))
    drawn = out.drawn
    assert out.length.tolist() == [5, 5, 5]
    assert {name: tuple(draw.shape) for name, draw in drawn.items()} == {
        "z": (3, 5, 3),
        "end": (3, 5),
    }
    generator = torch.Generator().manual_seed(1)
    features, state = model(prime)
    feature = features[:, -1]
    for t in range(5):
        draw = model.heads(feature).sample(temperature=1.0, generator=generator)
        torch.testing.assert_close(draw["z"], drawn["z"][:, t])
        assert torch.equal(draw["end"], drawn["end"][:, t])
        feature, state = model.step(torch.cat([draw["z"], draw["end"][:, None]], -1), state)


def test_generating_at_zero_is_the_mode_and_batches_do_not_mix():
    model = build(4)
    prime = torch.randn(3, 6, 4)
    whole = model.generate(prime, 4, 0.0).drawn
    alone = model.generate(prime[1:2], 4, 0.0).drawn
    torch.testing.assert_close(whole["z"][1:2], alone["z"])
    mode = model.heads(model(prime)[0][:, -1])["z"].likeliest_mean
    torch.testing.assert_close(whole["z"][:, 0], mode)


def test_categories_are_fed_back_as_one_hot_vectors():
    torch.manual_seed(0)
    model = SequenceModel(4, 8, {"pen": CategoricalHead(8, 4)}, "gru")
    drawn = model.generate(torch.eye(4)[:, None], 3).drawn
    assert drawn["pen"].shape == (4, 3)
    seen = []

    def feedback(x, draw):
        seen.append(torch.nn.functional.one_hot(draw["pen"], 4).float())
        return seen[-1]

    seeds = [torch.Generator().manual_seed(2) for _ in range(2)]
    ours = model.generate(torch.eye(4)[:, None], 3, 1.0, seeds[0]).drawn
    theirs = model.generate(torch.eye(4)[:, None], 3, 1.0, seeds[1], feedback=feedback).drawn
    assert torch.equal(ours["pen"], theirs["pen"])
    assert len(seen) == 3


def test_impossible_sequences_are_refused(model):
    with pytest.raises(ValueError, match="feedback"):
        model.generate(torch.zeros(2, 3, 5), 4)
    with pytest.raises(ValueError, match="inputs of size 5"):
        model.generate(torch.zeros(2, 3, 4), 4)
    with pytest.raises(ValueError, match="at least 1 step"):
        model.generate(torch.zeros(2, 3, 5), 0)
    with pytest.raises(ValueError, match="cell"):
        build(cell="rnn")
    with pytest.raises(ValueError, match="layers"):
        build(layers=0)


def test_draws_stand_in_an_input_as_the_model_says():
    torch.manual_seed(0)
    heads = {"pen": BernoulliHead(24), "move": MixtureHead(24, 2, 2)}
    model = SequenceModel(3, 24, heads, inputs=("move", "pen"))
    seen = []
    step = model.step
    model.step = lambda x, state: (seen.append(x), step(x, state))[1]
    drawn = model.generate(torch.randn(4, 6, 3), 3).drawn
    torch.testing.assert_close(seen[0][:, :2], drawn["move"][:, 0])
    torch.testing.assert_close(seen[0][:, 2], drawn["pen"][:, 0])
    for inputs in (("move",), ("move", "pen", "pen"), ("move", "ink")):
        with pytest.raises(ValueError, match="inputs are"):
            SequenceModel(3, 24, heads, inputs=inputs)


def test_nothing_goes_on_from_nothing():
    drawn = build(4).generate(torch.zeros(0, 6, 4), 5).drawn
    assert drawn["z"].shape == (0, 5, 3)
    assert drawn["end"].shape == (0, 5)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_generating_goes_on_from_where_it_ended(cell):
    model, prime = build(4, cell, 2), torch.randn(3, 6, 4)
    whole = model.generate(prime, 7, generator=torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(1)
    first = model.generate(prime, 4, generator=generator)
    rest = model.generate(first.last, 3, generator=generator, state=first.state)
    for name, draw in whole.drawn.items():
        torch.testing.assert_close(torch.cat([first.drawn[name], rest.drawn[name]], 1), draw)
    torch.testing.assert_close(rest.last, whole.last)
    torch.testing.assert_close(rest.state, whole.state)


def test_what_is_generated_can_be_trained_on():
    model, prime = build(4), torch.randn(3, 6, 4)
    out = model.generate(prime, 4, stop=lambda draw: draw["z"][:, 0] > 0)
    features, _ = model(out.last, out.state)
    outputs = model.heads(features[:, -1])
    sum(outputs[name].log_prob(draw[:, 0]).sum() for name, draw in out.drawn.items()).backward()
    assert not out.length.is_inference()
    assert all(weight.grad is not None for weight in model.heads.parameters())


def test_a_stop_rule_ends_each_sequence_on_its_own():
    model, prime = build(4), torch.randn(64, 6, 4)
    out = model.generate(
        prime, 20, 1.0, torch.Generator().manual_seed(0), stop=lambda draw: draw["end"] > 0
    )
    end = out.drawn["end"] > 0
    ended = end.any(1)
    assert 0 < out.length.min() < out.length.max()
    first = torch.where(ended, end.float().argmax(1) + 1, 20)
    assert torch.equal(out.length, first)
    after = torch.arange(end.shape[1]) >= out.length[:, None]
    assert not out.drawn["z"][after].any()
    # What has ended stands where it ended, whatever the others went on with.
    state = model(prime)[1]
    for i in range(3):
        alone = tuple(part[i : i + 1] for part in state)
        steps = int(out.length[i])
        draws = torch.cat([out.drawn["z"], out.drawn["end"][..., None]], -1)[i : i + 1]
        for t in range(steps - 1):
            _, alone = model.step(draws[:, t], alone)
        torch.testing.assert_close(tuple(part[i : i + 1] for part in out.state), alone)
        torch.testing.assert_close(out.last[i, 0], draws[0, steps - 1])


def test_a_stop_rule_that_all_meet_draws_no_more():
    out = build(4).generate(torch.randn(3, 6, 4), 50, stop=lambda draw: draw["end"] >= 0)
    assert out.drawn["z"].shape == (3, 1, 3)
    assert out.length.tolist() == [1, 1, 1]


def test_what_generate_can_not_go_on_from_is_refused():
    model, prime = build(4), torch.zeros(2, 3, 4)
    with pytest.raises(ValueError, match="a state of 1 tensors: this model has 2"):
        model.generate(prime, 3, state=(torch.zeros(2, 24),))
    for said in (torch.zeros(2, 1), True):
        with pytest.raises(ValueError, match="stop returned"):
            model.generate(prime, 3, stop=lambda draw, said=said: said)
    with pytest.raises(ValueError, match="inputs of size 4"):
        model.generate(torch.zeros(2, 4), 3)
    with pytest.raises(ValueError, match="without heads"):
        SequenceModel(4, 8, {})
