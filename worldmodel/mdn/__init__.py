"""Mixture density networks. Imports torch, safetensors for files, and nothing of the project."""

from .calibration import coverage, credibility, crps, pit
from .condition import condition, marginal
from .convert import from_covariance, from_keras, from_scale_tril, from_torch, to_torch
from .divergence import kl_bound, kl_estimate
from .grouped import Grouped
from .heads import (
    BernoulliHead,
    CategoricalHead,
    GroupedMixtureHead,
    Heads,
    MixtureHead,
    NormalHead,
)
from .mixture import Factorization, Mixture
from .nll import Distribution, Outputs, nll
from .quantile import icdf
from .save import load, save
from .sequence import SequenceModel, State
from .sigma import BoundedLogSigma, EluSigma, SigmaMap, SoftplusSigma
from .simple import Bernoulli, Categorical, Normal
from .temperature import Temperature, graves_bias, sigma_temperature
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
    "Grouped",
    "GroupedMixtureHead",
    "Heads",
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
    "from_covariance",
    "from_keras",
    "from_scale_tril",
    "from_torch",
    "graves_bias",
    "icdf",
    "kl_bound",
    "kl_estimate",
    "load",
    "marginal",
    "nll",
    "pit",
    "save",
    "sigma_temperature",
    "to_torch",
]
