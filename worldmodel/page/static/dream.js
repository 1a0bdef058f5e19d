// The dream of one agent, as it answers the messages of the page; see README.md beside `static`.

import { Random } from "./random.js";

const FRAME = 64 * 64 * 4;

/** V's decoder, M and C at work. Frames go out as RGBA bytes. */
export class Dream {
  constructor(parts, about, models) {
    Object.assign(this, parts);
    Object.assign(this, { about, models });
  }

  /** What is told of the agent. */
  open() {
    return { about: this.about };
  }

  /** The first picture of every place where a dream may begin. */
  starts() {
    const count = this.about.starts;
    return { frames: this.frames(count, (start) => this.places.z(start)) };
  }

  /** A dream from a place. */
  begin({ start, seed }) {
    this.random = new Random(seed);
    this.z = this.places.z(start);
    this.state = this.places.state(start);
    Object.assign(this, { count: 0, score: 0, over: null });
    return this.moment({ action: null, reward: 0, chance: null, mixture: null });
  }

  /** One agent step. */
  step({ action, mix, temperature, end, pins, watch }) {
    if (this.over) throw new Error("This dream is over: begin another one.");
    const taken = this.mixed(this.policy.act(this.z, this.state), action, mix);
    this.state = this.predictor.advance(this.z, taken, this.state);
    const expected = this.predictor.predict(this.state);
    const event = this.random.uniform();
    this.z = expected.mixture.sample(temperature, this.random);
    const watched = Number.isInteger(watch);
    const mixture = watched ? { ...expected.mixture.of(watch), draw: this.z[watch] } : null;
    this.pin(pins);
    const reward = this.rewardOf(expected);
    this.count += 1;
    this.score += reward;
    this.over = this.ended(expected, end, event);
    return this.moment({ action: taken, reward, chance: expected.chance, mixture });
  }

  /** What each of some latents does to the picture. */
  effects({ latents, by }) {
    const moved = latents.flatMap((latent) => [-by, by].map((value) => {
      const z = Float32Array.from(this.z);
      z[latent] = value;
      return z;
    }));
    return { frames: this.frames(moved.length, (at) => moved[at]) };
  }

  /** What may follow from actions that are held. */
  futures({ actions, draws, steps, seed, temperature }) {
    const dreamt = [];
    for (const action of actions) {
      for (let draw = 0; draw < draws; draw++) {
        // The same numbers for every action: what differs is what the action does.
        const random = new Random(seed + draw);
        let [z, state] = [this.z, this.state];
        for (let step = 0; step < steps; step++) {
          state = this.predictor.advance(z, action, state);
          z = this.predictor.predict(state).mixture.sample(temperature, random);
          dreamt.push(z);
        }
      }
    }
    return { frames: this.frames(dreamt.length, (at) => dreamt[at]) };
  }

  /** Along the reel: what was real at a step, what V makes of it, and the dream of it. */
  follow({ at, sync, temperature, seed }) {
    if (!this.reel) throw new Error("This agent has no reel: export it again.");
    if (!this.along || at <= this.along.at) this.beginAlong(seed);
    while (this.along.at < at) this.stepAlong(sync, temperature);
    const frames = new Uint8ClampedArray(3 * FRAME);
    frames.set(this.reel.frame(at));
    frames.set(this.decoder.run(this.reel.mu(at)), FRAME);
    frames.set(this.decoder.run(this.along.z), 2 * FRAME);
    const { action, reward, surprise, surprises } = this.along;
    return { at, frames, action, reward, surprise, surprises };
  }

  beginAlong(seed) {
    const state = this.predictor.initial();
    this.along = {
      at: 0,
      z: this.reel.mu(0),
      random: new Random(seed),
      real: state,
      dream: state,
      action: Array.from(this.reel.action(0), () => 0),
      reward: 0,
      surprise: null,
      surprises: null,
    };
  }

  stepAlong(sync, temperature) {
    const along = this.along;
    const [seen, action] = [this.reel.mu(along.at), this.reel.action(along.at)];
    if (sync && along.at % sync === 0) Object.assign(along, { z: seen, dream: along.real });
    along.reward = this.reel.reward(along.at);
    along.action = Array.from(action);
    along.real = this.predictor.advance(seen, action, along.real);
    along.dream = this.predictor.advance(along.z, action, along.dream);
    along.at += 1;
    const foreseen = this.predictor.predict(along.real).mixture;
    const { perDim, each } = foreseen.surprise(this.reel.mu(along.at));
    Object.assign(along, { surprise: perDim, surprises: each });
    along.z = this.predictor.predict(along.dream).mixture.sample(temperature, along.random);
  }

  frames(count, z) {
    const found = new Uint8ClampedArray(count * FRAME);
    for (let at = 0; at < count; at++) found.set(this.decoder.run(z(at)), at * FRAME);
    return found;
  }

  mixed(agent, yours, mix) {
    if (!yours) return agent;
    const { discrete, low, high } = this.about.actions;
    if (discrete) return mix >= 0.5 ? yours : agent;
    const both = agent.map((value, at) => (1 - mix) * value + mix * yours[at]);
    return both.map((value, at) => Math.min(Math.max(value, low[at]), high[at]));
  }

  pin(pins) {
    for (const [latent, value] of Object.entries(pins ?? {})) this.z[Number(latent)] = value;
  }

  rewardOf(expected) {
    const fixed = this.about.dream.step_reward;
    return fixed === null ? expected.reward ?? 0 : fixed * this.models.frame_skip;
  }

  ended(expected, end, event) {
    const { end_threshold: threshold, max_steps: most } = this.about.dream;
    const dead = { sample: event < expected.chance, threshold: expected.end > threshold };
    if (expected.chance !== null && dead[end]) return "terminated";
    return this.count >= most ? "truncated" : null;
  }

  moment({ action, reward, chance, mixture }) {
    return {
      frame: this.decoder.run(this.z),
      z: Array.from(this.z),
      action,
      agent_action: this.policy.act(this.z, this.state),
      reward,
      score: this.score,
      end_chance: chance,
      step: this.count,
      over: this.over,
      mixture,
    };
  }
}
