// Sequence models from their files: one that writes, that draws, or that answers touches.

import { Kernel } from "./kernel.js";
import { Pen } from "./pen.js";
import { readTensors, tensorsOf } from "./safetensors.js";
import { Touch } from "./touch.js";
import { Writer } from "./writing.js";

const KINDS = { writing: Writer, pen: Pen, touch: Touch };

/** The system of these files: {about, model, kernel}, the last two as bytes. */
export async function loadSystem({ about, model, kernel }) {
  const host = new Kernel();
  const weights = tensorsOf(readTensors(model), "weights");
  const system = new KINDS[about.kind](host, weights, about);
  try {
    await host.start(kernel);
  } catch {
    throw new Error("This browser has no WebAssembly with SIMD, which this needs: update it.");
  }
  return system;
}
