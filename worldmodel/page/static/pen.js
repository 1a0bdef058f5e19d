// Goes on with a begun drawing; see worldmodel/pen/network.py.

import { drawEvent, drawIndex } from "./events.js";
import { heatOf } from "./joint.js";
import { Random } from "./random.js";
import { tensorsOf } from "./safetensors.js";
import { Heads, Layers, LogitsHead, MixtureHead, mixtureOf } from "./sequence.js";
import { END, LIFT, extentOf, simplify, toSteps, toStrokes } from "./strokes.js";

const STATES = 3; // of the pen: DOWN, LIFT and END
const LONGEST = 200; // steps of a drawing that ends by itself
const TOLERANCE = 0.01; // of simplification, in parts of a drawing's width or height

/** The network. */
export class Pen {
  messages = ["open", "draw"];

  constructor(kernel, weights, about) {
    this.about = about;
    const { network } = about;
    this.lift = network.pen === "lift";
    this.scale = weights.scale.data[0];
    this.placeScale = network.position ? weights.place_scale.data[0] : null;
    this.layers = new Layers(kernel, tensorsOf(weights, "sequence"), network.layers, network.skip);
    const heads = tensorsOf(weights, "sequence.heads");
    this.heads = new Heads(kernel, this.layers.features, {
      move: new MixtureHead(kernel, tensorsOf(heads, "move"), mixtureOf(network, 2)),
      pen: new LogitsHead(kernel, tensorsOf(heads, "pen")),
    });
  }

  /** What is told of it. */
  open() {
    return { about: this.about };
  }

  /** `count` ways to go on with strokes of [x, y], in their units; see README.md. */
  draw({ begun, steps = null, count, seed, ...given }) {
    const strokes = begun.filter((stroke) => stroke.length);
    const points = strokes.flat();
    const extent = extentOf(points);
    if (points.length < 2 || extent === 0) throw new Error("Draw a line to go on with first.");
    const sparse = strokes.map((stroke) => simplify(stroke, TOLERANCE * extent));
    // As large as what the network knows, and in its units.
    const unit = (extentOf(sparse.flat()) * this.scale) / this.about.extent;
    const known = toSteps(sparse).map(([dx, dy, pen]) => {
      return [dx / unit, dy / unit, Math.min(pen, LIFT)];
    });
    const primed = this.prime(known);
    const heat = heatOf(given);
    const longest = steps ?? this.usual(known.length);
    const end = points[points.length - 1];
    const drawings = Array.from({ length: count }, (_, at) => {
      const drawn = this.generate(primed, longest, heat, new Random(seed + at));
      const ended = drawn.length > 0 && drawn[drawn.length - 1][2] === END;
      const scaled = drawn.map(([dx, dy, pen]) => [dx * unit, dy * unit, pen]);
      return { strokes: toStrokes(scaled, end, false), ended };
    });
    return { drawings };
  }

  /** How many steps may follow so many: what drawings have, or until it ends. */
  usual(begun) {
    const { steps } = this.about;
    return this.lift ? Math.max(steps - begun, Math.round(steps / 2)) : LONGEST;
  }

  /** The states after steps, and where the pen is then. */
  prime(steps) {
    const blank = new Array(2 + STATES + (this.placeScale === null ? 0 : 2)).fill(0);
    let [states, place] = [this.layers.advance(blank, this.layers.initial()), [0, 0]];
    for (const step of steps) {
      place = moved(place, step);
      states = this.layers.advance(this.input(step, place), states);
    }
    return { states, place };
  }

  /** Steps drawn, one after another. */
  generate({ states, place }, longest, heat, random) {
    const drawn = [];
    while (drawn.length < longest) {
      const { move, pen } = this.heads.read(this.layers.seen(states));
      const [dx, dy] = move.sample(heat, random);
      const step = [dx, dy, this.pen(pen, heat.event, random)];
      drawn.push(step);
      if (step[2] === END) break;
      place = moved(place, step);
      states = this.layers.advance(this.input(step, place), states);
    }
    return drawn;
  }

  pen(logits, temperature, random) {
    if (this.lift) return drawEvent(logits[0], temperature, random);
    return drawIndex(logits, temperature, random);
  }

  /** A step as it is shown: the move, the pen's state, and where it is. */
  input([dx, dy, pen], place) {
    const state = [0, 0, 0];
    state[this.lift ? Math.min(pen, LIFT) : pen] = 1;
    const where = this.placeScale === null ? [] : place.map((value) => value / this.placeScale);
    return [dx, dy, ...state, ...where];
  }
}

function moved([x, y], [dx, dy]) {
  return [x + dx, y + dy];
}
