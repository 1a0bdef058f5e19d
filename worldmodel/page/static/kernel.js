// Memory of the WebAssembly kernel (kernel.wat), in which weights and activations lie.

const PAGE_BYTES = 65536;
const FLOATS_PER_VECTOR = 4;

/** `count` rounded up to what the kernel takes at once. */
export function padded(count) {
  return Math.ceil(count / FLOATS_PER_VECTOR) * FLOATS_PER_VECTOR;
}

/** Plans where arrays lie; `start` makes the memory, copies what was given, and runs the kernel. */
export class Kernel {
  constructor() {
    this.top = 1024;
    this.given = [];
  }

  /** Place for `count` floats; its address in bytes. */
  reserve(count) {
    const at = this.top;
    this.top += padded(count) * 4;
    return at;
  }

  /** Place for an array that is there from the start. */
  keep(array) {
    const at = this.reserve(array.length);
    this.given.push([at, array]);
    return at;
  }

  /** Compile the kernel of these bytes. */
  async start(bytes) {
    const memory = new WebAssembly.Memory({ initial: Math.ceil(this.top / PAGE_BYTES) + 1 });
    this.floats = new Float32Array(memory.buffer);
    for (const [at, array] of this.given) this.floats.set(array, at / 4);
    this.given = [];
    const { instance } = await WebAssembly.instantiate(bytes, { host: { memory } });
    this.accumulate = instance.exports.accumulate;
  }

  /** The floats at an address. */
  at(address, count) {
    return this.floats.subarray(address / 4, address / 4 + count);
  }
}

/** A matrix (rows, columns), row by row, as its transpose with rows of a multiple of four. */
export function transposed(data, rows, columns) {
  const width = padded(rows);
  const found = new Float32Array(columns * width);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      found[column * width + row] = data[row * columns + column];
    }
  }
  return found;
}

/** A linear layer in the kernel's memory: y = W x + b. */
export class Linear {
  constructor(kernel, weight, bias) {
    const [rows, columns] = weight.shape;
    Object.assign(this, { kernel, rows, columns, width: padded(rows) });
    this.weight = kernel.keep(transposed(weight.data, rows, columns));
    this.bias = new Float32Array(this.width);
    this.bias.set(bias.data ?? bias);
    this.output = kernel.reserve(this.width);
  }

  /** Apply it to what lies at the address `input`; returns the outputs. */
  run(input) {
    this.kernel.at(this.output, this.width).set(this.bias);
    this.kernel.accumulate(input, this.weight, this.output, this.columns, this.width);
    return this.kernel.at(this.output, this.rows);
  }
}
