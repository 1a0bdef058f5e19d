// Files of tensors, as they are written by Python: https://github.com/huggingface/safetensors

const HALVES = new Float32Array(65536);
for (let bits = 0; bits < 65536; bits++) {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) HALVES[bits] = sign * fraction * 2 ** -24;
  else if (exponent === 31) HALVES[bits] = fraction ? NaN : sign * Infinity;
  else HALVES[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const TYPES = {
  F32: (bytes) => new Float32Array(bytes),
  F16: (bytes) => Float32Array.from(new Uint16Array(bytes), (bits) => HALVES[bits]),
  U8: (bytes) => new Uint8Array(bytes),
  I8: (bytes) => Float32Array.from(new Int8Array(bytes)),
  I64: (bytes) => Float64Array.from(new BigInt64Array(bytes), Number),
};

/** Tensors by name, each {shape, data}, of a file's bytes (ArrayBuffer). */
export function readTensors(buffer) {
  const size = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, size)));
  const found = {};
  for (const [name, about] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const read = TYPES[about.dtype];
    if (!read) throw new Error(`${name} holds ${about.dtype}, which this page does not read.`);
    const [begin, end] = about.data_offsets;
    if (8 + size + end > buffer.byteLength) throw new RangeError("a file of tensors is cut short");
    found[name] = { shape: about.shape, data: read(buffer.slice(8 + size + begin, 8 + size + end)) };
  }
  for (const [name, { data }] of Object.entries(found)) {
    const rows = found[`${name}.scale`]?.data;
    if (rows) scaleRows(data, rows);
  }
  return found;
}

function scaleRows(data, rows) {
  const length = data.length / rows.length;
  for (let at = 0; at < data.length; at++) data[at] *= rows[Math.floor(at / length)];
}

/** Those whose names begin with `prefix` and a dot, without it. */
export function tensorsOf(tensors, prefix) {
  const found = {};
  for (const name of Object.keys(tensors)) {
    if (name.startsWith(`${prefix}.`)) found[name.slice(prefix.length + 1)] = tensors[name];
  }
  return found;
}
