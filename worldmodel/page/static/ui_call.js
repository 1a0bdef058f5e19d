// Some seconds of touches as they are played, from the first touch on.

const TICK_MS = 40;

/** Records touches [x, y, dt]; `on.begin()`, `on.tick(seconds)` meanwhile, `on.end(touches)`. */
export class CallRecorder {
  constructor(seconds, on) {
    Object.assign(this, { seconds, on, touches: [], began: null });
  }

  get going() {
    return this.began !== null;
  }

  /** A finger is at a place at a time in ms; `isNew`: it has just come down. */
  add(place, time, isNew) {
    if (!this.going) {
      if (!isNew) return false;
      Object.assign(this, { touches: [], began: time, last: time });
      this.timer = setInterval(() => this.tick(), TICK_MS);
      this.on.begin();
    }
    // A mouse may report one place twice at a time.
    if (!isNew && time <= this.last) return true;
    this.touches.push([...place, (time - this.last) / 1000]);
    this.last = time;
    return true;
  }

  tick() {
    const spent = (performance.now() - this.began) / 1000;
    this.on.tick(Math.min(spent, this.seconds), this.touches);
    if (spent < this.seconds) return;
    this.stop();
    this.on.end(this.touches);
  }

  stop() {
    clearInterval(this.timer);
    this.began = null;
  }
}
