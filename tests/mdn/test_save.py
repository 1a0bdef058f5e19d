"""Models as files, and back."""

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from worldmodel.mdn import (
    BernoulliHead,
    BoundedLogSigma,
    CategoricalHead,
    EluSigma,
    GroupedMixtureHead,
    Heads,
    LeastSquaresHead,
    MixtureHead,
    NormalHead,
    SequenceModel,
    SoftplusSigma,
    load,
    save,
)
from worldmodel.mdn.save import from_config


def models():
    torch.manual_seed(0)
    heads = {
        "move": MixtureHead(8, 2, 3, sigma=EluSigma(1e-3), covariance="full"),
        "pen": CategoricalHead(8, 3),
        "end": BernoulliHead(8),
    }
    return [
        MixtureHead(8, 4, 5, factorization="per_dim", sigma=BoundedLogSigma(-2.0, 5.0)),
        GroupedMixtureHead(
            8, [[2, 0], [1]], [4, 2], sigma=SoftplusSigma(), covariance=["full", "diagonal"]
        ),
        LeastSquaresHead(8, 3),
        NormalHead(8, 3, sigma=SoftplusSigma()),
        Heads(heads),
        SequenceModel(6, 8, heads, "gru", 2, inputs=("end", "move", "pen")),
    ]


@pytest.mark.parametrize("index", range(6))
def test_a_model_comes_back(index, tmp_path):
    model = models()[index]
    save(model, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert type(again) is type(model)
    assert again.config == model.config
    assert again.state_dict().keys() == model.state_dict().keys()
    for name, weight in again.state_dict().items():
        assert torch.equal(weight, model.state_dict()[name]), name
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    assert json.loads(json.dumps(model.config)) == model.config


def test_a_head_that_started_from_data_comes_back_with_their_units(tmp_path):
    head = MixtureHead(8, 2, 3)
    head.init_from(1000 * torch.randn(500, 2))
    save(head, tmp_path / "head.safetensors")
    features = torch.randn(5, 8)
    assert torch.equal(load(tmp_path / "head.safetensors")(features).mu, head(features).mu)


def test_strangers_are_refused(tmp_path):
    with pytest.raises(ValueError, match="Linear is no model"):
        save(nn.Linear(2, 2), tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match="can't be saved"):
        save(MixtureHead(2, 2, 2, sigma=torch.tanh), tmp_path / "x.safetensors")
    assert not list(tmp_path.iterdir())
    for config in ({"kind": "os.system"}, {"kind": "Heads", "heads": 5}, {"kind": "MixtureHead"}):
        with pytest.raises(ValueError, match="can't be made"):
            from_config(config)


def test_broken_files_are_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    with pytest.raises(FileNotFoundError):
        load(path)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="no model"):
        load(path)
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="no model"):
        load(path)
    save(NormalHead(2, 1), path)
    config = json.dumps(NormalHead(3, 1).config)
    save_file(NormalHead(2, 1).state_dict(), path, {"config": config})
    with pytest.raises(ValueError, match="no model"):
        load(path)


class Foreign(MixtureHead):
    """Somebody else's."""


def test_what_holds_a_stranger_is_refused_before_anything_is_written(tmp_path):
    for part in (Foreign(8, 1, 1), nn.Linear(3, 3)):
        with pytest.raises(ValueError, match=f"{type(part).__name__} is no model"):
            save(Heads({"a": part}), tmp_path / "x.safetensors")
    assert not list(tmp_path.iterdir())


def test_precision_is_kept(tmp_path):
    head = MixtureHead(8, 2, 3).double()
    head.init_from(torch.randn(100, 2).double())
    save(head, tmp_path / "head.safetensors")
    features = torch.randn(5, 8).double()
    again = load(tmp_path / "head.safetensors")
    assert torch.equal(again(features).mu, head(features).mu)
    assert load_half(tmp_path).linear.weight.dtype == torch.float16


def load_half(folder):
    save(MixtureHead(8, 2, 3).half(), folder / "half.safetensors")
    return load(folder / "half.safetensors")


def test_one_head_may_have_two_names(tmp_path):
    head = MixtureHead(8, 2, 3)
    save(Heads({"a": head, "b": head}), tmp_path / "x.safetensors")
    again = load(tmp_path / "x.safetensors")
    assert torch.equal(again["a"].linear.weight, again["b"].linear.weight)
    with pytest.raises(ValueError, match="folder"):
        load(tmp_path)
