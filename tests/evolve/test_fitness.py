"""Dream and reality put together: better than either, and safe where the dream misleads."""

from dataclasses import replace

import numpy as np
import pytest

from worldmodel.evolve.fitness import Hybrid, HybridConfig, InWorld
from worldmodel.types import UserError, World

SHARES = HybridConfig(dream_generations=1, real_rollouts=2, least_agreement=-1.0, memory=0.8)


class Guess(World):
    """A world whose returns are `scale` × the sum of the parameters, off by noise of its own.

    The noise follows from the seeds and the candidate; `bias` is noise that all rollouts share.
    """

    def __init__(self, scale, noise, bias=0.0):
        self.scale, self.noise, self.bias = scale, noise, bias
        self.asked = []

    def evaluate(self, params, seeds, *, generation):
        self.asked.append(len(seeds))
        rng = np.random.default_rng([seeds[0], round(1000 * self.scale) + 5000])
        score = self.scale * params.sum(1, keepdims=True)
        score = score + self.bias * rng.normal(size=score.shape)
        noise = self.noise * rng.normal(size=(len(params), len(seeds)))
        return (score + noise).astype(np.float32), np.full(noise.shape, 7)

    def close(self):
        pass


def test_one_rollout_is_too_few_for_a_hybrid():
    SHARES.check(rollouts=2)
    with pytest.raises(UserError, match=r"evolve\.rollouts is 1"):
        SHARES.check(rollouts=1)
    replace(SHARES, least_agreement=1.0).check(rollouts=1)  # goes from the dream to the real one


def run(hybrid, generations, candidates=64):
    """Trials of random candidates, and the rank correlation of fitness with the truth in each."""
    rng, trials, right = np.random.default_rng(0), [], []
    for generation in range(generations):
        params = rng.normal(size=(candidates, 4)).astype(np.float32)
        trials.append(hybrid.test(params, [list(range(10 * generation, 10 * generation + 8))],
                                  generation))  # fmt: skip
        right.append(np.corrcoef(trials[-1].fitness, params.sum(1))[0, 1])
    return trials, right


def test_shares_of_dream_and_reality():
    dream, real = Guess(1.0, 1.0), Guess(1.0, 1.0)
    trials, _ = run(Hybrid(dream, real, SHARES), 3)
    assert dream.asked == [8, 8, 8]
    assert real.asked == [2, 2]
    assert [(trial.dream_steps, trial.env_steps) for trial in trials] == [
        (64 * 8 * 7, 0), (64 * 8 * 7, 64 * 2 * 7), (64 * 8 * 7, 64 * 2 * 7),
    ]  # fmt: skip
    assert trials[0].pairs is None
    assert trials[1].pairs.shape == (64, 2)


def test_a_good_dream_helps_a_noisy_reality():
    real = Guess(1.0, 5.0)
    _, alone = run(InWorld(real, True), 12)
    short = InWorld(real, True)
    few = [np.corrcoef(short.test(p, [[g, g + 1]], g).fitness, p.sum(1))[0, 1]
           for g, p in enumerate(np.random.default_rng(1).normal(size=(12, 64, 4)))]  # fmt: skip
    hybrid = Hybrid(Guess(3.0, 1.0, bias=1.0), real, SHARES)
    trials, together = run(hybrid, 12)
    assert np.mean(together[3:]) > 0.9 > np.mean(alone) > np.mean(few)
    assert hybrid.agreement == pytest.approx(0.98, abs=0.06)
    assert abs(trials[-1].fitness.mean() - trials[-1].pairs[:, 1].mean()) < 1e-3


def test_a_better_real_return_never_ranks_lower():
    hybrid = Hybrid(Guess(1.0, 1.0), Guess(1.0, 1.0), SHARES)
    # Over the real rollouts' own scatter no signal is left, and yet they go with the dream.
    moments = [0.0, 100.0, 50.0, 10.0]
    hybrid.restore({"moments": moments, "weight": 1.0, "real_alone": False})
    of_real, of_dream = hybrid._weights()
    assert of_real >= 0
    assert of_dream > 0


def test_a_dream_that_misleads_gets_no_weight_and_is_left():
    upside_down = Guess(-1.0, 0.1)
    hybrid = Hybrid(upside_down, Guess(1.0, 1.0), SHARES)
    trials, right = run(hybrid, 6)
    assert trials[-1].figures["hybrid/dream_weight"] == 0
    assert min(right[1:]) > 0.8
    bound = HybridConfig(1, 2, 0.2, 0.8)
    dream = Guess(-1.0, 0.1)
    trials, _ = run(Hybrid(dream, Guess(1.0, 1.0), bound), 6)
    assert len(dream.asked) == 2, "the dream alone, then both, which disagree"
    assert trials[-1].dream_steps == 0
    assert trials[-1].returns.shape == (64, 8)


def test_one_goes_over_to_reality_at_once():
    dream = Guess(1.0, 0.1)
    run(Hybrid(dream, Guess(1.0, 1.0), HybridConfig(2, 2, 1.0, 0.8)), 4)
    assert len(dream.asked) == 2


def test_candidates_that_are_all_alike_are_no_error():
    still = Guess(0.0, 0.0)
    trial = Hybrid(still, still, SHARES).test(np.zeros((4, 4), np.float32), [[1, 2, 3]], 5)
    np.testing.assert_array_equal(trial.fitness, 0)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("dream_generations", (-1, 2, 0.2, 0.8)),
        ("real_rollouts", (1, 1, 0.2, 0.8)),
        ("least_agreement", (1, 2, 1.5, 0.8)),
        ("memory", (1, 2, 0.2, 1.0)),
    ],
)
def test_bad_numbers_name_the_key(key, values):
    with pytest.raises(ValueError, match=key):
        HybridConfig(*values)
