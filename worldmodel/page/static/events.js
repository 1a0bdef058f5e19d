// What happens or does not: draws of logits.

import { sigmoid } from "./lstm.js";
import { pick } from "./mixture.js";

const COLDEST = 1e-25; // below, the likelier one is taken anyway

/** 1 or 0, drawn by a logit that is divided by a temperature. */
export function drawEvent(logit, temperature, random) {
  const level = random.uniform();
  if (temperature < COLDEST) return logit > 0 ? 1 : 0;
  return level < sigmoid(logit / temperature) ? 1 : 0;
}

/** Which of several, drawn by logits that are divided by a temperature. */
export function drawIndex(logits, temperature, random) {
  return pick(logits, temperature, random.uniform());
}
