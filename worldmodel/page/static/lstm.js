// LSTM layers in the kernel's memory.

import { padded, transposed } from "./kernel.js";

/** One layer; its state is {hidden, cell}. Weights and biases as torch orders their gates. */
export class LSTM {
  constructor(kernel, { input, recurrent, biases }) {
    this.kernel = kernel;
    this.inputs = input.shape[1];
    this.hidden = recurrent.shape[1];
    const gates = 4 * this.hidden;
    this.gates = padded(gates);
    this.weight = kernel.keep(joined(
      transposed(input.data, gates, this.inputs), transposed(recurrent.data, gates, this.hidden),
    ));
    this.bias = new Float32Array(this.gates);
    for (let at = 0; at < gates; at++) this.bias[at] = biases[0].data[at] + biases[1].data[at];
    this.input = kernel.reserve(this.inputs + this.hidden);
    this.output = kernel.reserve(this.gates);
  }

  /** The layer whose weights have these names, "weight_ih" and so on between the two. */
  static named(kernel, weights, before, after = "") {
    const get = (name) => weights[`${before}${name}${after}`];
    const biases = [get("bias_ih"), get("bias_hh")];
    return new LSTM(kernel, { input: get("weight_ih"), recurrent: get("weight_hh"), biases });
  }

  /** Zeros. */
  initial() {
    return { hidden: new Float32Array(this.hidden), cell: new Float32Array(this.hidden) };
  }

  /** The state after inputs, which are given in parts that stand one after another. */
  advance(parts, state) {
    const count = this.inputs + this.hidden;
    const input = this.kernel.at(this.input, count);
    let at = 0;
    for (const part of [...parts, state.hidden]) {
      input.set(part, at);
      at += part.length;
    }
    const gates = this.kernel.at(this.output, this.gates);
    gates.set(this.bias);
    this.kernel.accumulate(this.input, this.weight, this.output, count, this.gates);
    return this.gated(gates, state.cell);
  }

  gated(gates, before) {
    const size = this.hidden;
    const [hidden, cell] = [new Float32Array(size), new Float32Array(size)];
    for (let at = 0; at < size; at++) {
      const fresh = sigmoid(gates[at]) * Math.tanh(gates[2 * size + at]);
      cell[at] = sigmoid(gates[size + at]) * before[at] + fresh;
      hidden[at] = sigmoid(gates[3 * size + at]) * Math.tanh(cell[at]);
    }
    return { hidden, cell };
  }
}

/** 1 / (1 + exp(-x)). */
export function sigmoid(value) {
  return 1 / (1 + Math.exp(-value));
}

function joined(first, second) {
  const both = new Float32Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
