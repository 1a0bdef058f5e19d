// Frames of 64 × 64 RGBA on canvases.

import { el } from "./ui_dom.js";

export const SIDE = 64;
const FRAME_BYTES = SIDE * SIDE * 4;

/** A canvas for `across` × `down` frames. */
export function frameCanvas(traits = {}, across = 1, down = 1) {
  const size = { width: SIDE * across, height: SIDE * down };
  return el("canvas", { className: "pixels", role: "img", ...size, ...traits });
}

/** How many frames lie one after another in these bytes. */
export function frameCount(bytes) {
  return Math.floor(bytes.length / FRAME_BYTES);
}

/** Paints frame `index` of the bytes at a place counted in frames. */
export function paintFrame(canvas, bytes, index = 0, across = 0, down = 0) {
  const part = bytes.subarray(index * FRAME_BYTES, (index + 1) * FRAME_BYTES);
  const image = new ImageData(part, SIDE, SIDE);
  canvas.getContext("2d").putImageData(image, across * SIDE, down * SIDE);
}

/** How far two frames differ, grey where they agree. */
export function frameDifference(a, b) {
  const out = new Uint8ClampedArray(FRAME_BYTES);
  for (let i = 0; i < FRAME_BYTES; i++) out[i] = i % 4 === 3 ? 255 : 128 + (a[i] - b[i]) / 2;
  return out;
}
