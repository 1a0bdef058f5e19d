// V's decoder: four transposed convolutions of stride 2 from a latent to 64 x 64 colours.

import { Linear, padded } from "./kernel.js";

const SIDE = 64;
const COLOURS = 3;
const STRIDE = 2;
const MEAN_RANGE = [0.02, 0.98]; // as in Python: a pixel that is always black may still light up

/** z to frames; `weights` as V's state dict names them. */
export class Decoder {
  constructor(kernel, weights) {
    this.kernel = kernel;
    const first = weights["from_z.weight"];
    this.input = kernel.reserve(first.shape[1]);
    this.fromZ = new Linear(kernel, first, weights["from_z.bias"]);
    const names = Object.keys(weights).filter((name) => /^decoder\.\d+\.weight$/.test(name));
    names.sort((a, b) => a.split(".")[1] - b.split(".")[1]);
    let [address, size] = [this.fromZ.output, 1];
    this.layers = names.map((name, index) => {
      const bias = weights[name.replace("weight", "bias")].data;
      const make = index === names.length - 1 ? lastLayer : innerLayer;
      const layer = make(kernel, weights[name], bias, address, size);
      [address, size] = [layer.output, layer.size];
      return layer;
    });
    this.usual = weights.mean_frame ? logitsOf(weights.mean_frame.data) : null;
  }

  /** RGBA bytes (64 * 64 * 4) of a latent. */
  run(z) {
    this.kernel.at(this.input, z.length).set(z);
    this.fromZ.run(this.input);
    this.layers.forEach((layer, index) => {
      deconvolve(this.kernel, layer);
      if (index < this.layers.length - 1) rectify(this.kernel.at(layer.output, layer.count));
    });
    return this.picture(this.layers[this.layers.length - 1]);
  }

  picture(last) {
    const logits = this.kernel.at(last.output, last.count);
    const frame = new Uint8ClampedArray(SIDE * SIDE * 4).fill(255);
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++) {
        const cell = ((y >> 1) * last.grid + (x >> 1)) * last.width;
        const from = cell + ((y & 1) * 2 + (x & 1)) * COLOURS;
        for (let colour = 0; colour < COLOURS; colour++) {
          let logit = logits[from + colour];
          if (this.usual) logit += this.usual[(colour * SIDE + y) * SIDE + x];
          frame[(y * SIDE + x) * 4 + colour] = 255 / (1 + Math.exp(-logit));
        }
      }
    }
    return frame;
  }
}

/** Channels last; every input pixel adds a patch of `kernel` x `kernel` outputs. */
function innerLayer(kernel, weight, bias, input, size) {
  const [inputs, outputs, side] = weight.shape;
  const width = padded(outputs);
  const packed = new Float32Array(side * side * inputs * width);
  for (let i = 0; i < inputs; i++) {
    for (let o = 0; o < outputs; o++) {
      for (let at = 0; at < side * side; at++) {
        packed[(at * inputs + i) * width + o] = weight.data[(i * outputs + o) * side * side + at];
      }
    }
  }
  const grid = STRIDE * (size - 1) + side;
  const shape = { inputs, side, width, input, from: size, grid, step: STRIDE, size: grid };
  return layerOf(kernel, shape, packed, bias);
}

/** Three outputs are too few for the kernel: four neighbours are one cell of twelve. */
function lastLayer(kernel, weight, bias, input, size) {
  const [inputs, outputs, whole] = weight.shape;
  const side = whole / STRIDE;
  const width = padded(outputs * 4);
  const packed = new Float32Array(side * side * inputs * width);
  for (let y = 0; y < whole; y++) {
    for (let x = 0; x < whole; x++) {
      const tap = (y >> 1) * side + (x >> 1);
      const corner = ((y & 1) * 2 + (x & 1)) * outputs;
      for (let i = 0; i < inputs; i++) {
        for (let o = 0; o < outputs; o++) {
          packed[(tap * inputs + i) * width + corner + o] =
            weight.data[((i * outputs + o) * whole + y) * whole + x];
        }
      }
    }
  }
  const four = new Float32Array(outputs * 4);
  for (let at = 0; at < four.length; at++) four[at] = bias[at % outputs];
  const grid = size + side - 1;
  const shape = { inputs, side, width, input, from: size, grid, step: 1, size: grid * STRIDE };
  return layerOf(kernel, shape, packed, four);
}

function layerOf(kernel, sizes, packed, bias) {
  const row = new Float32Array(sizes.width);
  row.set(bias);
  const count = sizes.grid * sizes.grid * sizes.width;
  return { ...sizes, count, bias: row, weight: kernel.keep(packed), output: kernel.reserve(count) };
}

function deconvolve(kernel, layer) {
  const { inputs, side, width, grid, step, from } = layer;
  const output = kernel.at(layer.output, layer.count);
  for (let at = 0; at < layer.count; at += width) output.set(layer.bias, at);
  const stride = padded(inputs);
  for (let y = 0; y < from; y++) {
    for (let x = 0; x < from; x++) {
      const pixel = layer.input + (y * from + x) * stride * 4;
      for (let dy = 0; dy < side; dy++) {
        for (let dx = 0; dx < side; dx++) {
          const weight = layer.weight + (dy * side + dx) * inputs * width * 4;
          const target = layer.output + ((step * y + dy) * grid + step * x + dx) * width * 4;
          kernel.accumulate(pixel, weight, target, inputs, width);
        }
      }
    }
  }
}

function rectify(values) {
  for (let at = 0; at < values.length; at++) if (values[at] < 0) values[at] = 0;
}

function logitsOf(mean) {
  return mean.map((value) => {
    const kept = Math.min(Math.max(value, MEAN_RANGE[0]), MEAN_RANGE[1]);
    return Math.log(kept / (1 - kept));
  });
}
