// Writes a text: a soft window slides over it (Graves 2013); see worldmodel/pen/window.py.

import { drawEvent } from "./events.js";
import { heatOf } from "./joint.js";
import { Linear } from "./kernel.js";
import { LSTM } from "./lstm.js";
import { Random } from "./random.js";
import { tensorsOf } from "./safetensors.js";
import { Heads, LogitsHead, MixtureHead, mixtureOf } from "./sequence.js";

const STEEPEST = 6; // logarithm of a window's height, narrowness and step, at most
const STEPS_PER_CHARACTER = 60; // after which writing is given up
const LONGEST = 200; // characters

/** The network, and the line that it is writing. */
export class Writer {
  messages = ["open", "write", "write_on"];

  constructor(kernel, weights, about) {
    Object.assign(this, { kernel, about });
    const { network } = about;
    this.scale = weights.scale.data[0];
    this.first = LSTM.named(kernel, weights, "first.");
    this.looked = kernel.reserve(network.hidden);
    this.window = new Linear(kernel, weights["window.weight"], weights["window.bias"]);
    this.upper = Array.from({ length: network.layers - 1 }, (_, at) => {
      return LSTM.named(kernel, weights, `upper.${at}.`, "_l0");
    });
    const heads = {
      move: new MixtureHead(kernel, tensorsOf(weights, "heads.move"), mixtureOf(network, 2)),
      pen: new LogitsHead(kernel, tensorsOf(weights, "heads.pen")),
    };
    this.heads = new Heads(kernel, network.layers * network.hidden, heads);
  }

  /** What is told of it. */
  open() {
    return { about: this.about };
  }

  /** Begins a text, and answers its first steps. */
  write({ text, steps, seed, ...heat }) {
    const numbers = this.read(text);
    this.line = {
      numbers,
      heat: heatOf(heat),
      random: new Random(seed),
      state: this.initial(),
      input: [0, 0, 0],
      place: [0, 0],
      left: STEPS_PER_CHARACTER * numbers.length,
      over: null,
    };
    return this.write_on({ steps });
  }

  /** Goes on with it: points [x, y, whether the pen is lifted there], and what the window saw. */
  write_on({ steps }) {
    if (!this.line) throw new Error("No text was begun: write one.");
    const { line } = this;
    const answer = { points: [], window: [] };
    for (let count = 0; count < steps && !line.over; count++) {
      const phi = this.draw(line);
      if (line.over) break;
      const [dx, dy, lifted] = line.input;
      line.place = [line.place[0] + dx * this.scale, line.place[1] + dy * this.scale];
      answer.points.push([...line.place, lifted]);
      answer.window.push(phi);
      line.left -= 1;
      if (line.left === 0) line.over = "given up";
    }
    return { ...answer, over: line.over };
  }

  /** One step; it ends where the window sees most of the place behind the text. */
  draw(line) {
    const { phi, parts, state } = this.advance(line.input, line.numbers, line.state);
    line.state = state;
    const { move, pen } = this.heads.read(parts);
    const [dx, dy] = move.sample(line.heat, line.random);
    line.input = [dx, dy, drawEvent(pen[0], line.heat.event, line.random)];
    const behind = phi[phi.length - 1];
    if (phi.slice(0, -1).every((seen) => seen < behind)) line.over = "written";
    return phi;
  }

  /** Characters as numbers. */
  read(text) {
    const { characters } = this.about;
    const numbers = Array.from(text, (character) => characters.indexOf(character));
    const unknown = Array.from(new Set(Array.from(text))).filter((c) => !characters.includes(c));
    if (unknown.length) throw new Error(`The model does not know ${unknown.join(" ")}.`);
    if (!text.trim()) throw new Error("There is no text: write some letters.");
    if (numbers.length > LONGEST) throw new Error(`A text has ${LONGEST} letters at most.`);
    return numbers;
  }

  /** Zeros: the windows stand at the first character. */
  initial() {
    return {
      first: this.first.initial(),
      kappa: new Float64Array(this.about.network.windows),
      seen: new Float32Array(this.about.characters.length),
      upper: this.upper.map((layer) => layer.initial()),
    };
  }

  /** After an input: what the window sees of each place, what the heads read, and the state. */
  advance(input, numbers, state) {
    const first = this.first.advance([input, state.seen], state.first);
    const { phi, kappa } = this.look(first.hidden, numbers, state.kappa);
    const seen = new Float32Array(this.about.characters.length);
    numbers.forEach((number, at) => (seen[number] += phi[at]));
    const [parts, upper] = [[first.hidden], []];
    this.upper.forEach((layer, at) => {
      upper.push(layer.advance([input, seen, parts[at]], state.upper[at]));
      parts.push(upper[at].hidden);
    });
    return { phi, parts, state: { first, kappa, seen, upper } };
  }

  look(hidden, numbers, before) {
    this.kernel.at(this.looked, hidden.length).set(hidden);
    const raw = Array.from(this.window.run(this.looked), (x) => Math.exp(Math.min(x, STEEPEST)));
    const count = before.length;
    const kappa = before.map((place, k) => place + raw[2 * count + k]);
    const phi = Array.from({ length: numbers.length + 1 }, (_, place) => {
      let sum = 0;
      for (let k = 0; k < count; k++) {
        sum += raw[k] * Math.exp(-raw[count + k] * (kappa[k] - place) ** 2);
      }
      return sum;
    });
    return { phi, kappa };
  }
}
