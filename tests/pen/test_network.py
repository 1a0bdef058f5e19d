import numpy as np
import pytest
import torch
from drawings import drawings

from worldmodel.mdn import Temperature
from worldmodel.pen.data import BatchConfig, pen_data, units
from worldmodel.pen.floor import pen_floors
from worldmodel.pen.network import PenConfig, PenNetwork
from worldmodel.pen.prediction import start_head
from worldmodel.pen.strokes import END

STILL = BatchConfig(8, 0.0, 0.0, 0.0)


def config(pen="state", skip=False, position=True, layers=2):
    return PenConfig(layers, 16, skip, 0.0, 3, pen, position, -7.0, 3.0)


def network(**kwargs):
    torch.manual_seed(0)
    return PenNetwork(config(**kwargs)).eval()


@pytest.fixture(scope="module")
def data():
    sequences = drawings()
    return pen_data(sequences, 1.0, units(sequences).scale, STILL, 0)


def test_units_are_those_of_the_training_drawings():
    sequences = drawings()
    found = units(sequences)
    train = [sequences[i] for i in sequences.of("train")]
    assert found.scale == pytest.approx(np.concatenate(train)[:, :2].std(), rel=1e-5)
    places = np.concatenate([np.cumsum(each[:, :2], 0) for each in train])
    expected = np.sqrt((places**2).mean()) / found.scale
    assert found.place_scale == pytest.approx(expected, rel=1e-4)


def test_noise_is_as_wide_as_the_lattice():
    sequences = drawings()
    batch = next(pen_data(sequences, 4.0, 10.0, STILL, 0).of("valid"))
    clean = next(pen_data(sequences, 0.0, 10.0, STILL, 0).of("valid"))
    noise = (batch["rows"] - clean["rows"])[batch["mask"]][:, :2] * 10
    assert noise.abs().max() <= 2.001
    assert noise.std().item() == pytest.approx(4 / 12**0.5, rel=0.1)
    assert torch.equal(batch["rows"][..., 2], clean["rows"][..., 2])


def test_training_drawings_are_varied_and_others_not():
    sequences = drawings()
    varied = BatchConfig(8, 0.2, 10.0, 0.2)
    data, still = (pen_data(sequences, 0.0, 10.0, each, 0) for each in (varied, STILL))
    ours, plain = next(data.batches(0))["rows"], next(still.batches(0))["rows"]
    ratio = ours[..., :2].norm(dim=-1) / plain[..., :2].norm(dim=-1).clamp(min=1e-6)
    found = ratio[plain[..., :2].norm(dim=-1) > 0]
    assert 0.6 < found.min() < 0.95
    assert 1.05 < found.max() < 1.6
    for one, other in zip(data.of("test"), still.of("test"), strict=True):
        assert torch.equal(one["rows"], other["rows"])


@pytest.mark.parametrize("pen", ["lift", "state"])
def test_the_loss_is_the_mean_of_each_steps_nats(data, pen):
    model = network(pen=pen)
    total = count = 0.0
    for batch in data.of("test"):
        loss, logs = model.loss(batch)
        assert loss.item() == pytest.approx(sum(v.item() for v in logs.values()), rel=1e-5)
        total += loss.item() * len(batch["rows"])
        count += len(batch["rows"])
    sums = steps = 0.0
    for batch in data.of("test"):
        for rows, mask in zip(batch["rows"], batch["mask"], strict=True):
            one = rows[mask][None]
            outputs = model.sequence.heads(model.features(one))
            state = (one[..., 2] > 0).float() if pen == "lift" else one[..., 2].long()
            sums -= outputs["move"].log_prob(one[..., :2]).sum().item()
            sums -= outputs["pen"].log_prob(state).sum().item()
            steps += one.shape[1]
    assert total / count == pytest.approx(sums / steps, rel=1e-5)


@pytest.mark.parametrize("pen", ["lift", "state"])
@pytest.mark.parametrize("position", [True, False])
@pytest.mark.parametrize("skip", [True, False])
def test_what_is_drawn_is_fed_back_as_in_training(pen, position, skip):
    """The density of each draw is that which the whole drawing gives it afterwards."""
    model = network(pen=pen, position=position, skip=skip)
    begun = torch.tensor([[0.5, 0.2, 0], [0.1, -0.4, 1]])
    cold = Temperature(0, 0, 1)
    (drawn,) = model.generate(1, 12, cold, begun=begun, generator=torch.Generator().manual_seed(4))
    assert torch.equal(drawn[:2], begun)
    outputs = model.sequence.heads(model.features(drawn[None]))
    torch.testing.assert_close(outputs["move"].likeliest_mean[0, 2:], drawn[2:, :2])


def test_a_drawing_ends_with_an_end(data):
    model = network()
    drawn = model.generate(20, 40, generator=torch.Generator().manual_seed(0))
    assert all(len(each) == 40 or each[-1, 2] == END for each in drawn)
    assert any(len(each) < 40 for each in drawn)
    assert all((each[:-1, 2] != END).all() for each in drawn)


def test_a_network_learns_to_draw(data):
    """And beats what knows one step before."""
    model = network().train()
    start_head(model.sequence.heads["move"], data, 0)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    batches = data.batches(0)
    for _ in range(200):
        loss, _ = model.loss(next(batches))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_value_(model.parameters(), 1.0)
        optimizer.step()
    model.eval()
    with torch.no_grad():
        nats = np.mean([model.loss(batch)[0].item() for batch in data.of("test")])
    gaussian = pen_floors(data, "state", 0)["gaussian_move"]
    assert nats < gaussian - 0.3


@pytest.mark.parametrize(
    ("key", "value"), [("layers", 0), ("components", 0), ("dropout", 1.0), ("pen", "up")]
)
def test_bad_sizes_are_named(key, value):
    import dataclasses

    with pytest.raises(ValueError, match=rf"network\.{key} is"):
        dataclasses.replace(config(), **{key: value})
