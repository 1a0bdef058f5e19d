// Recurrent layers one above the other, and heads that read them; see worldmodel/mdn/sequence.py.

import { Grouped, Joint, pairs } from "./joint.js";
import { Linear } from "./kernel.js";
import { LSTM } from "./lstm.js";
import { boundedLogSigma } from "./mixture.js";
import { tensorsOf } from "./safetensors.js";

/** The layers of a SequenceModel. With `skip` each sees the input, and the features are of all. */
export class Layers {
  constructor(kernel, weights, count, skip) {
    this.skip = skip;
    this.layers = Array.from({ length: count }, (_, at) => {
      return skip
        ? LSTM.named(kernel, weights, `rnn.layers.${at}.`, "_l0")
        : LSTM.named(kernel, weights, "rnn.", `_l${at}`);
    });
    this.features = skip ? count * this.layers[0].hidden : this.layers[0].hidden;
  }

  /** Zeros, a state for each layer. */
  initial() {
    return this.layers.map((layer) => layer.initial());
  }

  /** The states after an input. */
  advance(input, states) {
    const after = [];
    this.layers.forEach((layer, at) => {
      const below = at ? [after[at - 1].hidden] : [];
      const parts = at && !this.skip ? below : [input, ...below];
      after.push(layer.advance(parts, states[at]));
    });
    return after;
  }

  /** What the heads read of states, in parts. */
  seen(states) {
    return (this.skip ? states : states.slice(-1)).map(({ hidden }) => hidden);
  }
}

/** Features to a joint mixture with full covariances. */
export class MixtureHead {
  constructor(kernel, weights, { dim, components, logSigma }) {
    Object.assign(this, { dim, components, logSigma });
    this.linear = new Linear(kernel, weights["linear.weight"], weights["linear.bias"]);
    this.units = weights.scale ? [weights.scale.data, weights.shift.data] : null;
  }

  /** The mixture that features at an address of the kernel's memory predict. */
  read(address) {
    const { dim, components } = this;
    const outputs = this.linear.run(address);
    let from = 0;
    const next = (count) => Array.from(outputs.subarray(from, (from += count)));
    const logits = next(components);
    const mu = next(components * dim);
    const logSigma = next(components * dim).map(this.logSigma);
    const regression = next(components * pairs(dim));
    const mixture = new Joint({ dim, logits, mu, logSigma, regression });
    return this.units ? mixture.affine(...this.units) : mixture;
  }
}

/** Features to groups of numbers, each with a mixture of its own. */
export class GroupedHead {
  constructor(kernel, weights, groups, { components, logSigma }) {
    this.groups = groups;
    this.parts = groups.map((group, at) => {
      const config = { dim: group.length, components, logSigma };
      return new MixtureHead(kernel, tensorsOf(weights, `parts.${at}`), config);
    });
  }

  /** The mixtures that features at an address predict. */
  read(address) {
    return new Grouped(this.parts.map((part) => part.read(address)), this.groups);
  }
}

/** Features to logits: one of an event, or one for each of several. */
export class LogitsHead {
  constructor(kernel, weights) {
    this.linear = new Linear(kernel, weights["linear.weight"], weights["linear.bias"]);
  }

  /** The logits that features at an address predict. */
  read(address) {
    return Array.from(this.linear.run(address));
  }
}

/** Several heads on the same features. */
export class Heads {
  constructor(kernel, features, heads) {
    Object.assign(this, { kernel, heads, size: features });
    this.address = kernel.reserve(features);
  }

  /** What they predict, by name, of features that are given in parts. */
  read(parts) {
    const place = this.kernel.at(this.address, this.size);
    let at = 0;
    for (const part of parts) {
      place.set(part, at);
      at += part.length;
    }
    const read = ([name, head]) => [name, head.read(this.address)];
    return Object.fromEntries(Object.entries(this.heads).map(read));
  }
}

/** The sizes of a mixture that a network's settings name, for `MixtureHead`. */
export function mixtureOf(config, dim) {
  const logSigma = boundedLogSigma(config.log_sigma_min, config.log_sigma_max);
  return { dim, components: config.components, logSigma };
}
