"""Mixture density networks over sequences. Imports torch only and nothing of the project."""

from worldmodel.mdn.heads import Bernoulli, BernoulliHead, MixtureHead, NormalHead, UnitNormal
from worldmodel.mdn.mixture import Factorization, Mixture
from worldmodel.mdn.sequence import SequenceModel, State

__all__ = [
    "Bernoulli",
    "BernoulliHead",
    "Factorization",
    "Mixture",
    "MixtureHead",
    "NormalHead",
    "SequenceModel",
    "State",
    "UnitNormal",
]
