// M: an LSTM and its heads.

import { Linear } from "./kernel.js";
import { LSTM, sigmoid } from "./lstm.js";
import { Mixture, boundedLogSigma } from "./mixture.js";

/** M in the kernel's memory; its state is {hidden, cell, restart}. */
export class Predictor {
  constructor(kernel, weights, config) {
    Object.assign(this, { kernel, config });
    this.layer = LSTM.named(kernel, weights, "sequence.rnn.", "_l0");
    this.inputs = this.layer.inputs;
    this.hidden = this.layer.hidden;
    this.seen = kernel.reserve(this.hidden);
    this.heads = {};
    for (const name of ["z", "reward", "end"]) {
      const weight = weights[`sequence.heads.${name}.linear.weight`];
      const bias = weights[`sequence.heads.${name}.linear.bias`];
      if (weight) this.heads[name] = new Linear(kernel, weight, bias);
    }
    this.reward = [weights.reward_mean.data[0], weights.reward_std.data[0]];
    this.logSigma = boundedLogSigma(config.log_sigma_min, config.log_sigma_max);
  }

  /** The state at the start of an episode. */
  initial() {
    return { ...this.layer.initial(), restart: 1 };
  }

  /** The state after `z` was seen and `action` taken. */
  advance(z, action, state) {
    const rest = this.config.restart_input ? [[state.restart]] : [];
    return { ...this.layer.advance([z, action, ...rest], state), restart: 0 };
  }

  /** What is expected next: {mixture, reward, end, chance}; null where there is no head for it. */
  predict(state) {
    this.kernel.at(this.seen, this.hidden).set(state.hidden);
    const { heads, config } = this;
    const joint = config.factorization === "joint";
    const outputs = heads.z.run(this.seen);
    const mixture = new Mixture(outputs, config.z_dim, config.components, joint, this.logSigma);
    const [mean, deviation] = this.reward;
    const reward = heads.reward ? heads.reward.run(this.seen)[0] * deviation + mean : null;
    if (!heads.end) return { mixture, reward, end: null, chance: null };
    const end = sigmoid(heads.end.run(this.seen)[0]);
    // Weighting the ends in training multiplies the odds that fit them best.
    return { mixture, reward, end, chance: end / (end + config.end_positive_weight * (1 - end)) };
  }
}
