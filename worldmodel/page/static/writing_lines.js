// A written text as lines of strokes, each point with the time at which it is drawn.

import { boxOf } from "./ui_ink.js";
import { pathOf } from "./ui_ink.js";

const LINE = 22; // letters of a line, at least one word
const LEADING = 4.5; // of lines, in the units of the writing
const SPEED = 13; // of the pen on the paper, in such units a second
const ABOVE = 3; // times as fast it is above it
const REST = 0.012; // seconds that a point takes by itself
const INK = "#202060";

/** Strokes of [x, y, seconds], when each step was drawn, and the box around all. */
export function layLines(text, points, window) {
  const begins = stepsOf(breaksOf(text), points, window);
  const [strokes, times] = [[], []];
  let [line, lines, left, time] = [[[0, 0, 0]], 0, 0, 0];
  let before = [0, 0];
  points.forEach(([x, y, lifted], at) => {
    const length = Math.hypot(x - before[0], y - before[1]);
    time += REST + length / (line.length ? SPEED : SPEED * ABOVE);
    before = [x, y];
    if (at === begins[lines]) {
      lines++;
      left = x;
    }
    line.push([x - left, y + lines * LEADING, time]);
    times.push(time);
    if (!lifted) return;
    strokes.push(line);
    line = [];
  });
  if (line.length) strokes.push(line);
  return { strokes, times, box: boxOf(strokes, 0.03) };
}

/** The writing as an SVG file. */
export function asSvg(strokes, box) {
  const paths = strokes.map((stroke) => `<path d="${pathOf(stroke)}"/>`);
  const pen = `fill="none" stroke="${INK}" stroke-width="0.12"`;
  const ends = 'stroke-linecap="round" stroke-linejoin="round"';
  const name = "http://www.w3.org/2000/svg";
  return [
    `<svg xmlns="${name}" viewBox="${box.map((each) => each.toFixed(3)).join(" ")}">`,
    `<g ${pen} ${ends}>`,
    ...paths,
    "</g></svg>",
    "",
  ].join("\n");
}

/** Places of the first letters of all lines but the first. */
function breaksOf(text) {
  const found = [];
  let begin = 0;
  for (const { index, 0: word } of text.matchAll(/\S+/g)) {
    if (index > begin && index + word.length - begin > LINE) {
      found.push(index);
      begin = index;
    }
  }
  return found;
}

/** Steps with which lines begin: of those in the air between two words the widest. */
function stepsOf(breaks, points, window) {
  const seen = window.map((row) => row.indexOf(Math.max(...row)));
  const found = [];
  for (const place of breaks) {
    let [widest, most] = [null, 0];
    for (let at = (found.at(-1) ?? 0) + 1; at < points.length; at++) {
      const across = points[at][0] - points[at - 1][0];
      const between = points[at - 1][2] && Math.abs(seen[at] - place + 1) <= 1;
      if (between && across > most) [widest, most] = [at, across];
    }
    if (widest !== null) found.push(widest);
  }
  return found;
}
