import csv
import math
import wave

import numpy as np
import pytest
import torch
from drawings import performances, touches

from worldmodel.mdn import Temperature
from worldmodel.touch.csv_file import read_csv, write_csv
from worldmodel.touch.data import TouchBatchConfig, touch_data, touch_steps
from worldmodel.touch.network import TouchConfig, TouchNetwork
from worldmodel.touch.picture import picture, swipes
from worldmodel.touch.reply import last_seconds
from worldmodel.touch.robojam import start
from worldmodel.touch.sound import RATE, synthesise, write_wav
from worldmodel.touch.tiny import TinyPerformances, clean
from worldmodel.types import UserError

STILL = TouchBatchConfig(8, 200, 0.0, 0.0)


def network(mixture="joint"):
    torch.manual_seed(0)
    return TouchNetwork(TouchConfig(2, 16, 0.0, 3, mixture, -7.0, 3.0)).eval()


@pytest.fixture(scope="module")
def data():
    return touch_data(performances(), 0.001, 0.001, STILL, 0)


@pytest.mark.parametrize("mixture", ["joint", "apart"])
def test_the_loss_is_a_density_over_screens_and_seconds(data, mixture):
    """Of every touch but the first, by a change of variables written out."""
    model = network(mixture)
    start(model, data, 0)
    total = count = sums = steps = 0.0
    for batch in data.of("test"):
        total += model.loss(batch)[0].item() * len(batch["rows"])
        count += len(batch["rows"])
        for rows, mask in zip(batch["rows"], batch["mask"], strict=True):
            one = rows[mask][None]
            features, _ = model.sequence(model.inputs(one[:, :-1]))
            density = model.sequence.heads(features)["step"].log_prob(model.steps(one))
            density = density - model.deviation.log().sum() - one[0, 1:, 2].log()
            sums -= density.sum().item()
            steps += one.shape[1] - 1
    assert total / count == pytest.approx(sums / steps, rel=1e-4)


def test_the_noise_of_a_move_is_as_wide_as_the_lattice():
    sequences = performances()
    noisy, clean_ = (touch_data(sequences, q, 0.0, STILL, 0) for q in (0.01, 0.0))
    for one, other in zip(noisy.of("test"), clean_.of("test"), strict=True):
        both = one["mask"][:, 1:]
        moves = one["rows"].diff(dim=1)[..., :2] - other["rows"].diff(dim=1)[..., :2]
        assert moves[both].abs().max() <= 0.00501
        assert moves[both].std().item() == pytest.approx(0.01 / math.sqrt(12), rel=0.15)
        assert torch.equal(one["rows"][..., 2], other["rows"][..., 2])


def test_steps_know_the_one_before(data):
    steps, log_time = touch_steps(data, "test")
    lengths = [len(each) for each in touches(48)][-8:]
    assert len(steps.value) == sum(lengths) - 8 == len(log_time)
    assert steps.first.sum() == 8
    inner = ~steps.first
    assert np.array_equal(steps.before[inner], steps.value[:-1][inner[1:]])


@pytest.mark.parametrize("mixture", ["joint", "apart"])
def test_a_reply_is_on_the_screen_and_in_time(data, mixture):
    model = network(mixture)
    start(model, data, 0)
    call = torch.from_numpy(touches(1)[0])
    call[0, 2] = 0.01
    replies = model.generate(call, 5, 1.0, generator=torch.Generator().manual_seed(0))
    for reply in replies:
        assert reply[:, :2].min() >= 0
        assert reply[:, :2].max() <= 1
        assert reply[:, 2].sum() <= 1.0
        assert (reply[:, 2] > 0).all()


def test_what_is_played_is_what_the_network_sees_in_training(data):
    model = network()
    start(model, data, 0)
    call = torch.full((4, 3), 0.5)
    call[:, 2] = 0.02
    (reply,) = model.generate(call, 1, 0.5, Temperature(0, 0), longest=8)
    whole = torch.cat([call, reply])[None]
    features, _ = model.sequence(model.inputs(whole[:, :-1]))
    means = model.sequence.heads(features)["step"].likeliest_mean
    torch.testing.assert_close(means[0, 3:], model.steps(whole)[0, 3:], rtol=1e-3, atol=1e-4)


def test_performances_are_cleaned(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLDMODEL_DATA", str(tmp_path))
    rows = np.array([[-0.5, 1.6, 2000], [0.2, 0.2, -0.1], [0.5, 0.5, 0.1]], np.float32)
    expected = np.array([[0, 1, 5], [0.2, 0.2, 0], [0.5, 0.5, 0.1]], np.float32)
    assert np.array_equal(clean(rows), expected)
    np.savez(
        tmp_path / "tiny_performance.npz", touches=rows, offsets=np.array([0, 1, 3]),
        split=np.array([0, 0], np.uint8),
    )  # fmt: skip
    assert len(TinyPerformances(0.001, 0.001).load()) == 1  # one touch is no performance


def test_csv_is_microjams(tmp_path):
    performance = touches(1, 3)[0]
    write_csv(tmp_path / "a.csv", performance)
    with (tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["time", "x", "y", "z", "moving"]
    assert rows[0]["time"] == "0.000000"
    assert [row["moving"] == "1" for row in rows[1:]] == (performance[1:, 2] <= 0.1).tolist()
    assert read_csv(tmp_path / "a.csv") == pytest.approx(performance, abs=2e-6)


@pytest.mark.parametrize(
    ("text", "said"),
    [("time,x\n0,0\n", "needs columns"), ("time,x,y\n0,a,0\n", "needs columns"),
     ("time,x,y\n", "no touches"), ("time,x,y\n0,nan,0\n", "not finite")],
)  # fmt: skip
def test_other_files_are_no_performance(tmp_path, text, said):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UserError, match=said):
        read_csv(tmp_path / "a.csv")
    with pytest.raises(UserError, match="can't be read"):
        read_csv(tmp_path / "b.csv")


def test_swipes_begin_after_a_pause():
    performance = np.zeros((6, 3), np.float32)
    performance[:, 2] = [0, 0.02, 0.5, 0.02, 0.02, 0.2]
    assert [len(swipe) for swipe in swipes(performance)] == [2, 3, 1]
    assert swipes(performance[:0]) == []
    assert picture([(performance, performance[:1])]).shape == (180, 180, 3)


def test_the_last_seconds_of_a_call():
    performance = np.zeros((5, 3), np.float32)
    performance[:, 2] = [0, 1, 1, 1, 1]
    assert len(last_seconds(performance, 2.0)) == 3
    assert len(last_seconds(performance, 0.1)) == 1


def test_a_tone_is_as_high_as_the_finger_is_right(tmp_path):
    performance = np.zeros((60, 3), np.float32)
    performance[1:, 2] = 1 / 60
    for x, pitch in ((0.0, 110), (1.0, 880)):
        performance[:, 0] = x
        sound = synthesise(performance, 1.0)
        spectrum = np.abs(np.fft.rfft(sound))
        assert spectrum.argmax() == pytest.approx(pitch, abs=2)
    write_wav(tmp_path / "a.wav", performance, 1.0)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (1, RATE, RATE)
