"""Mixture density networks over sequences. Imports torch only and nothing of the project."""

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
    "graves_bias",
    "nll",
    "sigma_temperature",
]
