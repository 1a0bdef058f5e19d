"""Mixture density networks over sequences. Imports torch only and nothing of the project."""

from worldmodel.mdn.calibration import coverage, credibility, crps, pit
from worldmodel.mdn.condition import condition, marginal
from worldmodel.mdn.convert import from_covariance, from_scale_tril, from_torch, to_torch
from worldmodel.mdn.divergence import kl_bound, kl_estimate
from worldmodel.mdn.grouped import Grouped
from worldmodel.mdn.heads import (
    BernoulliHead,
    CategoricalHead,
    GroupedMixtureHead,
    Heads,
    MixtureHead,
    NormalHead,
)
from worldmodel.mdn.mixture import Factorization, Mixture
from worldmodel.mdn.nll import Distribution, Outputs, nll
from worldmodel.mdn.quantile import icdf
from worldmodel.mdn.sequence import SequenceModel, State
from worldmodel.mdn.sigma import BoundedLogSigma, EluSigma, SigmaMap, SoftplusSigma
from worldmodel.mdn.simple import Bernoulli, Categorical, Normal
from worldmodel.mdn.temperature import Temperature, graves_bias, sigma_temperature

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
    "from_scale_tril",
    "from_torch",
    "graves_bias",
    "icdf",
    "kl_bound",
    "kl_estimate",
    "marginal",
    "nll",
    "pit",
    "sigma_temperature",
    "to_torch",
]
