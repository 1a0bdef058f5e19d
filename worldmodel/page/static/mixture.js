// Mixtures of Gaussians as M's head predicts them: one for each latent, or one for all together.

const COLDEST = 1e-25; // below, the likeliest component is picked anyway
const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI);
const INNER = 0.9;

/** The map from raw outputs to log-sigma within bounds, see `BoundedLogSigma` in Python. */
export function boundedLogSigma(low, high) {
  const center = (high + low) / 2;
  const half = (high - low) / 2;
  const middle = Math.abs(center) < INNER * half ? -center / half : 0;
  const offset = Math.atanh(middle);
  const gain = 1 / (half * (1 - middle ** 2));
  return (raw) => center + half * Math.tanh(raw * gain + offset);
}

/** A mixture over `size` numbers from the head's outputs: logits, means, raw sigmas, K before D. */
export class Mixture {
  constructor(outputs, size, components, joint, logSigma) {
    Object.assign(this, { size, components, joint });
    const weights = joint ? components : components * size;
    this.logits = Float64Array.from(outputs.subarray(0, weights));
    this.mu = Float64Array.from(outputs.subarray(weights, weights + components * size));
    const raw = outputs.subarray(weights + components * size);
    this.logSigma = Float64Array.from({ length: components * size }, (_, at) => logSigma(raw[at]));
  }

  /** The mixture of one number: {weights, mu, sigma}, which add up over the components. */
  of(number) {
    const at = Array.from({ length: this.components }, (_, k) => k * this.size + number);
    return {
      weights: softmax(this.logitsOf(number)),
      mu: at.map((index) => this.mu[index]),
      sigma: at.map((index) => Math.exp(this.logSigma[index])),
    };
  }

  /** A draw at a temperature: logits / T, variance * T; at 0 the mean of the likeliest. */
  sample(temperature, random) {
    const picks = this.joint ? 1 : this.size;
    const uniform = Array.from({ length: picks }, () => random.uniform());
    const normal = Array.from({ length: this.size }, () => random.normal());
    return this.transport(uniform, normal, temperature);
  }

  /** The draw that given numbers make: uniform ones pick components, normal ones the place. */
  transport(uniform, normal, temperature) {
    const drawn = new Float32Array(this.size);
    const spread = Math.sqrt(temperature);
    let component = 0;
    for (let number = 0; number < this.size; number++) {
      if (!this.joint || number === 0) {
        component = pick(this.logitsOf(number), temperature, uniform[number]);
      }
      const at = component * this.size + number;
      drawn[number] = this.mu[at] + spread * Math.exp(this.logSigma[at]) * normal[number];
    }
    return drawn;
  }

  /** -log p in nats: {perDim: of the whole / size, each: of every number, null if joint}. */
  surprise(value) {
    const terms = (number) => Array.from({ length: this.components }, (_, k) => {
      const at = k * this.size + number;
      const away = (value[number] - this.mu[at]) * Math.exp(-this.logSigma[at]);
      return -0.5 * away * away - this.logSigma[at] - HALF_LOG_TWO_PI;
    });
    const numbers = Array.from({ length: this.size }, (_, number) => terms(number));
    if (this.joint) {
      const logits = this.logitsOf(0);
      const all = logits.map((logit, k) => numbers.reduce((sum, each) => sum + each[k], logit));
      return { perDim: (logSumExp(logits) - logSumExp(all)) / this.size, each: null };
    }
    const each = numbers.map((densities, number) => {
      const logits = this.logitsOf(number);
      return logSumExp(logits) - logSumExp(logits.map((logit, k) => logit + densities[k]));
    });
    return { perDim: each.reduce((sum, one) => sum + one, 0) / this.size, each };
  }

  logitsOf(number) {
    if (this.joint) return Array.from(this.logits);
    return Array.from({ length: this.components }, (_, k) => this.logits[k * this.size + number]);
  }
}

/** Which component a number in [0, 1) picks at a temperature. */
export function pick(logits, temperature, level) {
  if (temperature < COLDEST) return logits.indexOf(Math.max(...logits));
  const weights = softmax(logits.map((logit) => logit / temperature));
  let below = 0;
  for (let k = 0; k < weights.length - 1; k++) {
    below += weights[k];
    if (below > level) return k;
  }
  return weights.length - 1;
}

function softmax(logits) {
  const most = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - most));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** log of the sum of exponentials. */
export function logSumExp(values) {
  const most = Math.max(...values);
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
}
