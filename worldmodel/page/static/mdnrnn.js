// M: an LSTM and its heads.

import { Linear, padded, transposed } from "./kernel.js";
import { Mixture, boundedLogSigma } from "./mixture.js";

/** M in the kernel's memory; its state is {hidden, cell, restart}. */
export class Predictor {
  constructor(kernel, weights, config) {
    Object.assign(this, { kernel, config });
    const input = weights["sequence.rnn.weight_ih_l0"];
    const recurrent = weights["sequence.rnn.weight_hh_l0"];
    this.inputs = input.shape[1];
    this.hidden = recurrent.shape[1];
    const gates = 4 * this.hidden;
    this.gates = padded(gates);
    this.weight = kernel.keep(joined(
      transposed(input.data, gates, this.inputs), transposed(recurrent.data, gates, this.hidden),
    ));
    this.bias = new Float32Array(this.gates);
    const biases = [weights["sequence.rnn.bias_ih_l0"], weights["sequence.rnn.bias_hh_l0"]];
    for (let at = 0; at < gates; at++) this.bias[at] = biases[0].data[at] + biases[1].data[at];
    this.input = kernel.reserve(this.inputs + this.hidden);
    this.output = kernel.reserve(this.gates);
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
    const zeros = () => new Float32Array(this.hidden);
    return { hidden: zeros(), cell: zeros(), restart: 1 };
  }

  /** The state after `z` was seen and `action` taken. */
  advance(z, action, state) {
    const input = this.kernel.at(this.input, this.inputs + this.hidden);
    input.set(z);
    input.set(action, z.length);
    if (this.config.restart_input) input[this.inputs - 1] = state.restart;
    input.set(state.hidden, this.inputs);
    const gates = this.kernel.at(this.output, this.gates);
    gates.set(this.bias);
    const count = this.inputs + this.hidden;
    this.kernel.accumulate(this.input, this.weight, this.output, count, this.gates);
    const size = this.hidden;
    const [hidden, cell] = [new Float32Array(size), new Float32Array(size)];
    for (let at = 0; at < size; at++) {
      const fresh = sigmoid(gates[at]) * Math.tanh(gates[2 * size + at]);
      cell[at] = sigmoid(gates[size + at]) * state.cell[at] + fresh;
      hidden[at] = sigmoid(gates[3 * size + at]) * Math.tanh(cell[at]);
    }
    return { hidden, cell, restart: 0 };
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

function sigmoid(value) {
  return 1 / (1 + Math.exp(-value));
}

function joined(first, second) {
  const both = new Float32Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
