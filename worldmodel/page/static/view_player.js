// Plays a source: when the next message is sent, and that there is never more than one.

import { Pace } from "./ui_pace.js";

const NEXT_AFTER_MS = 1000;

/** Steps the present source at a rate; `hooks`: hand(), moment(source), changed(), failed(text). */
export class Player {
  constructor(source, rate, hooks) {
    this.source = source;
    this.hooks = hooks;
    this.playing = false;
    this.closed = false;
    this.stepping = false;
    this.tail = Promise.resolve();
    this.nextAt = 0;
    this.pace = new Pace(() => this.turn(), rate);
  }

  /** Runs a job that asks the engine after all jobs before it are done. */
  alone(job) {
    const done = this.tail.then(() => (this.closed ? null : job()));
    this.tail = done.catch(() => null);
    return done;
  }

  /** The same, but what goes wrong is said and not thrown. */
  async attempt(job) {
    try {
      return await this.alone(job);
    } catch (error) {
      if (this.closed) return null;
      this.pause();
      this.hooks.failed(error.message);
      return null;
    }
  }

  play() {
    if (this.playing) return;
    this.playing = true;
    this.nextAt = 0;
    this.hooks.changed();
    this.pace.start();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.pace.stop();
    this.hooks.changed();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /** One step and no more; a held key is not allowed to pile up steps. */
  async step() {
    this.pause();
    if (this.stepping) return;
    this.stepping = true;
    await this.attempt(() => this.advance());
    this.stepping = false;
  }

  restart() {
    return this.attempt(() => this.beginSource());
  }

  next() {
    return this.attempt(() => {
      this.source.skip();
      return this.beginSource();
    });
  }

  /** Begins a source at a place that `prepare` chooses; it goes on playing if it was. */
  begin(source, prepare) {
    if (source !== this.source) this.pause();
    return this.attempt(() => {
      this.source = source;
      prepare();
      this.hooks.changed();
      return this.beginSource();
    });
  }

  /** Shows another source where it was left. */
  show(source) {
    this.pause();
    return this.attempt(async () => {
      this.source = source;
      this.hooks.changed();
      if (source.moment) this.hooks.moment(source);
      else await this.beginSource();
    });
  }

  turn() {
    return this.attempt(() => {
      if (!this.playing || performance.now() < this.nextAt) return null;
      return this.advance();
    });
  }

  async advance() {
    const { source } = this;
    if (!source.moment) return this.beginSource();
    if (source.moment.over) {
      source.skip();
      return this.beginSource();
    }
    await source.step(this.hooks.hand());
    return this.arrived();
  }

  async beginSource() {
    await this.source.begin();
    return this.arrived();
  }

  arrived() {
    if (this.closed) return;
    this.nextAt = this.source.moment.over ? performance.now() + NEXT_AFTER_MS : 0;
    this.hooks.moment(this.source);
  }

  close() {
    this.playing = false;
    this.closed = true;
    this.pace.stop();
  }
}
