// What can be seen on the page: the dream, the reel that M follows, and the real environment.
// Each has `moment`, the last answer, `trace`, what it was over time, `agentInPlace`, what C would
// have done instead of the last action, and `begin`, `step`, `skip`.

import { frameDifference } from "./ui_frames.js";

const SEEDS = 2 ** 31;

function emptyTrace() {
  return { reward: [], endChance: [], surprise: [] };
}

function counted(steps) {
  return `${steps} step${steps === 1 ? "" : "s"}`;
}

class Source {
  constructor(ask, about, settings) {
    this.ask = ask;
    this.about = about;
    this.settings = settings;
    this.moment = null;
    this.trace = emptyTrace();
  }

  take(moment, isNew) {
    if (isNew) this.trace = emptyTrace();
    else {
      this.trace.reward.push(moment.reward ?? NaN);
      this.trace.endChance.push(moment.end_chance ?? NaN);
      this.trace.surprise.push(moment.surprise ?? NaN);
    }
    // What C would do is of this moment, what was done of the one before: only those compare.
    this.agentInPlace = isNew ? moment.agent_action : this.moment.agent_action;
    this.moment = moment;
  }
}

/** M's dream, from one of the starts. */
export class DreamSource extends Source {
  kind = "dream";
  start = 0;

  async begin() {
    const { seed } = this.settings();
    this.take(await this.ask({ type: "begin", start: this.start, seed }), true);
  }

  async step(hand) {
    const { temperature, end, pins, watch } = this.settings();
    const message = { type: "step", ...hand, temperature, end, pins, watch };
    this.take(await this.ask(message), false);
  }

  skip() {
    this.start = (this.start + 1) % Math.max(1, this.about.starts);
  }

  pictures() {
    return { screen: this.moment.frame };
  }

  farewell() {
    const { step, score } = this.moment;
    return `The dream ended after ${counted(step)}, score ${score.toFixed(1)}.`;
  }
}

/** A recorded episode, V's reconstruction of it, and the dream on the same actions. */
export class ReelSource extends Source {
  kind = "reel";

  async begin() {
    await this.follow(0);
  }

  async step() {
    await this.follow(this.moment.at + 1);
  }

  async follow(at) {
    const { sync, temperature, seed } = this.settings();
    const answer = await this.ask({ type: "follow", at, sync, temperature, seed });
    const over = answer.at >= this.about.reel ? "truncated" : null;
    const score = (at === 0 ? 0 : this.moment.score) + (answer.reward ?? 0);
    this.take({ ...answer, step: answer.at, agent_action: null, score, over }, at === 0);
  }

  skip() {}

  pictures() {
    const { frames } = this.moment;
    const size = frames.length / 3;
    const part = (k) => frames.subarray(k * size, (k + 1) * size);
    return { left: part(0), right: part(1), screen: part(2) };
  }

  farewell() {
    return `The recording is over after ${counted(this.moment.step)}.`;
  }
}

/** The environment itself, and V's reconstruction of what it shows. */
export class RealSource extends Source {
  kind = "real";
  episode = 0;

  async begin() {
    const seed = (this.settings().seed + this.episode) % SEEDS;
    this.take(await this.ask({ type: "real", action: null, mix: 0, seed }), true);
  }

  async step(hand) {
    this.take(await this.ask({ type: "real", ...hand }), false);
  }

  skip() {
    this.episode++;
  }

  pictures() {
    const { frame, reconstruction } = this.moment;
    return { screen: frame, right: reconstruction, left: frameDifference(frame, reconstruction) };
  }

  farewell() {
    const { step, score } = this.moment;
    return `The episode ended after ${counted(step)}, score ${score.toFixed(1)}.`;
  }
}
