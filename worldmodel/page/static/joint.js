// Joint mixtures of Gaussians over a few numbers, with full covariances; see worldmodel/mdn.

import { logSumExp, pick } from "./mixture.js";

const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI);

/** How many coefficients the regression of `dim` numbers on those before them has. */
export function pairs(dim) {
  return (dim * (dim - 1)) / 2;
}

/** Temperatures of what is drawn, from {temperature} (a number or one for each) or {bias}. */
export function heatOf({ temperature = null, bias = null }) {
  if (bias !== null) return { mixture: 1 / (1 + bias), scale: Math.exp(-2 * bias), event: 1 };
  if (temperature === null) return { mixture: 1, scale: 1, event: 1 };
  if (typeof temperature !== "number") return { mixture: 1, scale: 1, event: 1, ...temperature };
  return { mixture: temperature, scale: temperature, event: temperature };
}

/** A mixture over vectors of `dim` numbers; arrays have K before D, as the head puts them out. */
export class Joint {
  constructor({ dim, logits, mu, logSigma, regression }) {
    Object.assign(this, { dim, logits, mu, logSigma, regression });
    this.components = logits.length;
    this.pairs = pairs(dim);
  }

  /** The mixture of scale * value + shift, each one for each number. */
  affine(scale, shift) {
    const { dim } = this;
    const mu = this.mu.map((value, at) => value * scale[at % dim] + shift[at % dim]);
    const logSigma = this.logSigma.map((value, at) => value + Math.log(Math.abs(scale[at % dim])));
    const factors = [];
    for (let row = 1; row < dim; row++) {
      for (let column = 0; column < row; column++) factors.push(scale[row] / scale[column]);
    }
    const regression = this.regression.map((value, at) => value * factors[at % this.pairs]);
    return new Joint({ dim, logits: this.logits, mu, logSigma, regression });
  }

  /** A draw at temperatures: logits / mixture, variance * scale. */
  sample(heat, random) {
    const level = random.uniform();
    const noise = Array.from({ length: this.dim }, () => random.normal());
    return this.transport(level, noise, heat);
  }

  /** The draw that given numbers make: a uniform one picks the component, normal ones the place. */
  transport(level, noise, heat) {
    const component = pick(this.logits, heat.mixture, level);
    const spread = Math.sqrt(heat.scale);
    const away = [];
    for (let row = 0; row < this.dim; row++) {
      let value = noise[row] * spread * Math.exp(this.logSigma[component * this.dim + row]);
      for (let column = 0; column < row; column++) {
        value += this.coefficient(component, row, column) * away[column];
      }
      away.push(value);
    }
    return away.map((value, at) => this.mu[component * this.dim + at] + value);
  }

  /** log p of a vector in nats. */
  logProb(value) {
    const each = this.logits.map((logit, k) => {
      let sum = logit;
      const away = value.map((number, at) => number - this.mu[k * this.dim + at]);
      for (let row = 0; row < this.dim; row++) {
        let left = away[row];
        for (let column = 0; column < row; column++) {
          left -= this.coefficient(k, row, column) * away[column];
        }
        const logSigma = this.logSigma[k * this.dim + row];
        sum -= 0.5 * (left * Math.exp(-logSigma)) ** 2 + logSigma + HALF_LOG_TWO_PI;
      }
      return sum;
    });
    return logSumExp(each) - logSumExp(this.logits);
  }

  coefficient(component, row, column) {
    return this.regression[component * this.pairs + pairs(row) + column];
  }
}

/** Numbers in groups, each with a mixture of its own. */
export class Grouped {
  constructor(parts, groups) {
    Object.assign(this, { parts, groups });
  }

  /** A draw, see `Joint`. */
  sample(heat, random) {
    const drawn = [];
    this.parts.forEach((part, at) => {
      const values = part.sample(heat, random);
      this.groups[at].forEach((number, i) => (drawn[number] = values[i]));
    });
    return drawn;
  }

  /** log p of a vector in nats. */
  logProb(value) {
    const each = this.parts.map((part, at) => {
      return part.logProb(this.groups[at].map((number) => value[number]));
    });
    return each.reduce((sum, one) => sum + one, 0);
  }
}
