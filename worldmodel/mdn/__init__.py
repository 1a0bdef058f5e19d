"""Mixture density networks. Imports torch, safetensors for files, and nothing of the project."""

from .calibration import coverage, credibility, crps, draw_calibration, pit
from .condition import condition, marginal
from .convert import from_covariance, from_keras, from_scale_tril, from_torch, to_torch
from .divergence import kl_bound, kl_estimate
from .em import fit_em
from .grouped import Grouped
from .heads import (
    BernoulliHead,
    CategoricalHead,
    GroupedMixtureHead,
    Heads,
    LeastSquaresHead,
    MixtureHead,
    NormalHead,
)
from .mixture import Factorization, Mixture
from .nll import Distribution, Outputs, nll
from .quantile import icdf
from .save import load, save
from .sequence import Generated, SequenceModel, State
from .sigma import BoundedLogSigma, EluSigma, SigmaMap, SoftplusSigma
from .simple import Bernoulli, Categorical, Normal
from .temperature import Temperature
from .tree import register

register()

__all__ = [
    "Bernoulli",
    "BernoulliHead",
    "BoundedLogSigma",
    "Categorical",
    "CategoricalHead",
    "Distribution",
    "EluSigma",
    "Factorization",
    "Generated",
    "Grouped",
    "GroupedMixtureHead",
    "Heads",
    "LeastSquaresHead",
    "Mixture",
    "MixtureHead",
    "Normal",
    "NormalHead",
    "Outputs",
    "SequenceModel",
    "SigmaMap",
    "SoftplusSigma",
    "State",
    "Temperature",
    "condition",
    "coverage",
    "credibility",
    "crps",
    "draw_calibration",
    "fit_em",
    "from_covariance",
    "from_keras",
    "from_scale_tril",
    "from_torch",
    "icdf",
    "kl_bound",
    "kl_estimate",
    "load",
    "marginal",
    "nll",
    "pit",
    "save",
    "to_torch",
]
