// Answers touches with touches (Martin & Torresen 2018); see worldmodel/touch/network.py.

import { heatOf } from "./joint.js";
import { Random } from "./random.js";
import { tensorsOf } from "./safetensors.js";
import { GroupedHead, Heads, Layers, MixtureHead, mixtureOf } from "./sequence.js";

const SWIPE = 0.1; // seconds: a touch that comes later begins a new swipe
const SHORTEST = 1e-3; // seconds between two touches: less has no useful logarithm
const TRIES = 5; // replies that are drawn, of which the first that has a touch is given
const LONGEST = 1000; // touches of a reply

/** The network. Touches are [x, y, dt]: parts of the screen, and seconds since the one before. */
export class Touch {
  messages = ["open", "reply"];

  constructor(kernel, weights, about) {
    this.about = about;
    const { network } = about;
    this.mean = Array.from(weights.mean.data);
    this.deviation = Array.from(weights.deviation.data);
    this.layers = new Layers(kernel, tensorsOf(weights, "sequence"), network.layers, false);
    const head = tensorsOf(weights, "sequence.heads.step");
    const step = network.mixture === "joint"
      ? new MixtureHead(kernel, head, mixtureOf(network, 3))
      : new GroupedHead(kernel, head, [[0, 1], [2]], mixtureOf(network, 3));
    this.heads = new Heads(kernel, this.layers.features, { step });
  }

  /** What is told of it. */
  open() {
    return { about: this.about };
  }

  /** A reply of some seconds to the last so many seconds of a call. */
  reply({ call, seconds, seed, ...given }) {
    const heard = lastSeconds(call, seconds).map(([x, y, dt]) => [x, y, Math.max(dt, SHORTEST)]);
    if (heard.length === 0) throw new Error("Nothing was played: touch the square first.");
    const primed = this.prime(heard);
    const heat = heatOf(given);
    let reply = [];
    // Some draws are a pause that outlasts the reply.
    for (let attempt = 0; attempt < TRIES && reply.length === 0; attempt++) {
      const random = new Random(seed * TRIES + attempt);
      reply = this.generate(primed, seconds, heat, random);
    }
    return { reply };
  }

  /** The states after touches, and where the last one was. */
  prime(touches) {
    let states = this.layers.initial();
    touches.forEach((touch, at) => {
      states = this.layers.advance(this.input(touch, at ? touches[at - 1] : null), states);
    });
    const [x, y] = touches[touches.length - 1];
    return { states, place: [x, y] };
  }

  /** Touches drawn one after another, until the time is over. */
  generate({ states, place }, seconds, heat, random) {
    const drawn = [];
    let spent = 0;
    while (drawn.length < LONGEST) {
      const { step } = this.heads.read(this.layers.seen(states));
      const standard = step.sample(heat, random);
      const move = standard.map((value, at) => value * this.deviation[at] + this.mean[at]);
      const dt = Math.exp(move[2]);
      spent += dt;
      if (spent > seconds) break;
      // The screen ends at its edges.
      const touch = [clipped(place[0] + move[0]), clipped(place[1] + move[1]), dt];
      drawn.push(touch);
      states = this.layers.advance(this.input(touch, place), states);
      place = touch;
    }
    return drawn;
  }

  /** A touch as it is shown; nothing has moved before the first. */
  input([x, y, dt], before) {
    const step = before ? [x - before[0], y - before[1], Math.log(dt)] : null;
    const standard = step?.map((value, at) => (value - this.mean[at]) / this.deviation[at]);
    return [...(standard ?? [0, 0, 0]), 2 * x - 1, 2 * y - 1, dt > SWIPE ? 1 : 0];
  }
}

/** The touches of the last so many seconds. */
export function lastSeconds(touches, seconds) {
  let left = 0;
  const kept = [];
  for (const touch of [...touches].reverse()) {
    if (left > seconds) break;
    kept.push(touch);
    left += touch[2];
  }
  return kept.reverse();
}

function clipped(value) {
  return Math.min(Math.max(value, 0), 1);
}
