// Turns at a steady rate.

// A turn that comes later than this is not made up for, so that a slow engine is never chased.
const LATEST_MS = 150;

function waitMs(ms) {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}

/** Calls `turn` (async) `rate` times a second on average, each after the one before is done. */
export class Pace {
  constructor(turn, rate) {
    this.turn = turn;
    this.rate = rate;
    this.round = 0;
  }

  async start() {
    const round = ++this.round;
    let due = performance.now();
    while (round === this.round) {
      await this.turn();
      due += 1000 / this.rate;
      const now = performance.now();
      if (now - due > LATEST_MS) due = now;
      await waitMs(due - now);
    }
  }

  stop() {
    this.round++;
  }
}
