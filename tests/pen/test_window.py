import numpy as np
import pytest
import torch

from worldmodel.mdn import Temperature
from worldmodel.pen.segment import KnownLine, assign, find_lag, letters_in, strokes_of
from worldmodel.pen.text import alphabet, encode
from worldmodel.pen.window import WindowConfig, WindowNetwork, shifted
from worldmodel.pen.written import Line, _ends, _monotone
from worldmodel.types import UserError

CONFIG = WindowConfig(3, 16, 4, 0.0, 3, -7.0, 3.0)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return WindowNetwork(CONFIG, 5, 0.2).eval()


@pytest.fixture
def text(model):
    return model.read(torch.tensor([[0, 1, 2, 3], [4, 1, 0, 0]]), torch.tensor([4, 2]))


def test_a_text_ends_where_it_ends(text):
    assert text.one_hot.shape == (2, 5, 5)
    assert text.one_hot.sum(-1).tolist() == [[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]]
    assert text.inside.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]


def test_steps_give_what_the_whole_gives(model, text):
    x = torch.randn(2, 9, 3)
    features, window, last = model(x, text)
    state, parts, seen = None, [], []
    for t in range(9):
        one, phi, state = model(x[:, t : t + 1], text, state)
        parts.append(one)
        seen.append(phi)
    torch.testing.assert_close(torch.cat(parts, 1), features, rtol=0, atol=1e-5)
    torch.testing.assert_close(torch.cat(seen, 1), window, rtol=0, atol=1e-5)
    torch.testing.assert_close(state.kappa, last.kappa)


def test_a_text_is_seen_alone(model):
    """What stands behind a shorter text in a batch does not matter."""
    x = torch.randn(1, 6, 3)
    alone = model(x, model.read(torch.tensor([[4, 1]]), torch.tensor([2])))[0]
    beside = model(x, model.read(torch.tensor([[4, 1, 3, 3]]), torch.tensor([2])))[0]
    torch.testing.assert_close(alone, beside)


def test_windows_go_forwards_at_the_rate_of_the_data(model, text):
    _, _, state = model(torch.zeros(2, 10, 3), text)
    assert (state.kappa > 0).all()
    assert state.kappa.mean().item() == pytest.approx(10 * 0.2, rel=0.5)


def test_the_window_is_graves(model, text):
    """Equations 46 to 51, written out for one step."""
    x = torch.randn(2, 1, 3)
    hidden, _ = model.first(torch.cat([x[:, 0], torch.zeros(2, 5)], -1))
    alpha, beta, kappa = model.window(hidden).exp().chunk(3, -1)
    u = torch.arange(5.0)
    phi = (alpha[..., None] * torch.exp(-beta[..., None] * (kappa[..., None] - u) ** 2)).sum(1)
    _, window, state = model(x, text)
    torch.testing.assert_close(window[:, 0], phi * text.inside)
    seen = (window[:, 0, :, None] * text.one_hot).sum(1)
    torch.testing.assert_close(state.seen, seen)


def test_writing_ends_where_the_window_leaves_the_text(model, text):
    generator = torch.Generator().manual_seed(0)
    written = model.write(text, 400, Temperature.graves(1.0), generator=generator)
    assert written.ended.all()
    for steps, window, last in zip(written.steps, written.window, (4, 2), strict=True):
        assert len(steps) == len(window) < 400
        others = window.clone()
        others[:, last] = -1
        assert (window[:, last] <= others.amax(-1)).all()
        assert not steps.is_inference()
        assert not window.is_inference()


def test_too_long_a_line_is_given_up(model, text):
    written = model.write(text, 2, generator=torch.Generator().manual_seed(0))
    assert not written.ended.any()
    assert [len(steps) for steps in written.steps] == [2, 2]


def test_a_begun_line_goes_on_in_its_state(model, text):
    begun = torch.randn(5, 3)
    begun[:, 2] = 0
    cold = Temperature(0, 0, 0)
    written = model.write(text, 3, cold, begun=begun)
    x = shifted(torch.cat([begun, torch.zeros(1, 3)])[None]).expand(2, -1, -1)
    features, _, _ = model(x, text)
    first = model.heads(features[:, -1])["move"].likeliest_mean
    torch.testing.assert_close(written.steps[0][0, :2], first[0])


def test_texts_are_encoded_and_others_named():
    characters = alphabet(["ab a", "cab"])
    assert characters == " abc"
    numbers, lengths = encode(["cab", "b"], characters)
    assert numbers.tolist() == [[3, 1, 2], [2, 0, 0]]
    assert lengths.tolist() == [3, 1]
    for text, said in (("abé", "has 'é'"), ("", "is empty"), ("  ", "is empty")):
        with pytest.raises(UserError, match=said):
            encode([text], characters)


STEPS = np.array([[1, 0, 0], [1, 0, 1], [0, 1, 0], [1, 0, 1], [5, 0, 0], [0, 2, 2]], np.float32)


def test_strokes_are_given_to_their_letters():
    """Two strokes of the first letter, a move, and one of the third; the second is a space."""
    found = letters_in(STEPS, np.array([0, 0.2, 0.4, 0.6, 1.4, 2.0]), "a b", 0.0)
    assert sorted(found) == [0, 2]
    assert [stroke.tolist() for stroke in found[0]] == [[[0, 0], [1, 0], [2, 0]], [[2, 1], [3, 1]]]
    assert [stroke.tolist() for stroke in found[2]] == [[[8, 1], [8, 3]]]


def test_every_letter_has_a_stroke_in_order():
    strokes = strokes_of(STEPS, np.array([0, 0, 0.1, 0.1, 0.2, 0.2]))  # a window that stands still
    assert [len(stroke.points) for stroke in strokes] == [3, 2, 2]
    assert assign(strokes, "a b", 0.0).tolist() == [0, 0, 2]
    assert assign(strokes, "abc", 0.0).tolist() == [0, 1, 2]
    assert assign(strokes[:1], "ab", 0.0).tolist() == [0]
    assert assign(strokes, "a", 0.0).tolist() == [0, 0, 0]


def test_the_lag_of_the_window_is_found():
    """A window that is 0.8 characters ahead of the pen."""
    rng = np.random.default_rng(0)
    lines = []
    for _ in range(10):
        owner = np.sort(np.concatenate([np.arange(6), rng.integers(0, 6, 3)]))
        steps = np.array([[1, 0, 0], [1, 1, 1]] * 9, np.float32)
        place = np.repeat(owner, 2) + 0.8 + rng.normal(0, 0.1, 18)
        lines.append(KnownLine(steps, place, "abcdef", owner))
    assert find_lag(lines) == pytest.approx(0.8, abs=0.3)


def test_lines_are_judged_by_their_windows():
    good = Line(np.zeros((3, 3)), np.array([0, 1, 2]), np.zeros(3), True)
    back = Line(np.zeros((3, 3)), np.array([0, 2, 1]), np.zeros(3), True)
    assert _ends(good, "abc")
    assert _monotone(good)
    assert not _ends(back, "abc")
    assert not _monotone(back)
    assert not _ends(Line(np.zeros((0, 3)), np.zeros(0, int), np.zeros(0), True), "abc")


def test_bent_letters_stay_letters():
    from worldmodel.pen.lines import bent

    rng = np.random.default_rng(0)
    letter = [
        np.array([[0, 0], [0.5, -1], [1, 0]], np.float32),
        np.array([[0.2, -0.4]], np.float32),
    ]
    many = [bent(letter, 0.08, rng) for _ in range(200)]
    away = np.array([[np.abs(one[0] - letter[0]).max(), one[0][:, 0].min()] for one in many])
    assert 0.05 < away[:, 0].mean() < 0.4
    assert away[:, 0].max() < 0.8
    assert all(min(stroke[:, 0].min() for stroke in one) == pytest.approx(0) for one in many)
    assert [len(stroke) for stroke in many[0]] == [3, 1]
