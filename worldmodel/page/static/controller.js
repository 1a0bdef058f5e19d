// C: a small policy on what V and M know.

/** Actions from z and M's state; `tensors` are params, offset and, with components, axes. */
export class Policy {
  constructor(tensors, config) {
    Object.assign(this, { config, params: tensors.params.data, offset: tensors.offset.data });
    this.axes = tensors.axes ?? null;
    const units = config.hidden_units === null ? [] : [config.hidden_units];
    this.widths = [this.axes ? this.axes.shape[1] : this.offset.length, ...units, config.actions];
  }

  /** The action (a vector) in a state of the dream. */
  act(z, state) {
    const parts = { z, h: state.hidden, c: state.cell };
    const seen = this.config.inputs.flatMap((name) => Array.from(parts[name]));
    let values = this.project(seen.map((value, at) => value - this.offset[at]));
    let at = 0;
    for (let layer = 1; layer < this.widths.length; layer++) {
      if (layer > 1) values = values.map(Math.tanh);
      const [before, after] = [this.widths[layer - 1], this.widths[layer]];
      const biases = at + before * after;
      values = Array.from({ length: after }, (_, row) => {
        let sum = this.config.bias ? this.params[biases + row] : 0;
        for (let i = 0; i < before; i++) sum += this.params[at + row * before + i] * values[i];
        return sum;
      });
      at = biases + (this.config.bias ? after : 0);
    }
    return this.squash(values);
  }

  project(centred) {
    if (!this.axes) return centred;
    const [, columns] = this.axes.shape;
    const found = new Array(columns).fill(0);
    centred.forEach((value, row) => {
      for (let k = 0; k < columns; k++) found[k] += value * this.axes.data[row * columns + k];
    });
    return found;
  }

  squash(logits) {
    const { discrete, low, high, clips, reach } = this.config;
    if (discrete) {
      const best = logits.indexOf(Math.max(...logits));
      return logits.map((_, at) => (at === best ? 1 : 0));
    }
    return logits.map((logit, at) => {
      const raw = Math.tanh(logit);
      const scaled = low[at] + ((raw + 1) / 2) * (high[at] - low[at]);
      const clipped = Math.max(Math.min(raw, high[at]), low[at]);
      return (clips[at] ? clipped : scaled) * reach[at];
    });
  }
}
