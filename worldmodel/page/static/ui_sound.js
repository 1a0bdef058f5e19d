// Touches as sound: a swipe is a tone whose pitch and colour follow the finger; see
// worldmodel/touch/sound.py.

import { swipesOf } from "./ui_touches.js";

const LOWEST = 110; // Hz, at the left edge
const OCTAVES = 3; // over the width of the square
const ATTACK = 0.01; // seconds
const RELEASE = 0.12;
const FADE = 0.02; // in which a sound that is stopped dies away
const LOUD = 0.3;
const AHEAD = 0.03; // seconds that a sound is planned ahead, so that its beginning is not cut off

function pitchOf(x) {
  return LOWEST * 2 ** (OCTAVES * x);
}

class Voice {
  constructor(context, bus, overtones, [x, y], time) {
    this.context = context;
    this.gain = new GainNode(context, { gain: 0 });
    this.bright = new GainNode(context, { gain: y });
    this.tones = [
      new OscillatorNode(context, { type: "sine", frequency: pitchOf(x) }),
      new OscillatorNode(context, { periodicWave: overtones, frequency: pitchOf(x) }),
    ];
    this.tones[0].connect(this.gain);
    this.tones[1].connect(this.bright).connect(this.gain).connect(bus);
    this.gain.gain.setValueAtTime(0, time);
    this.gain.gain.linearRampToValueAtTime(1, time + ATTACK);
    for (const { frequency } of this.tones) frequency.setValueAtTime(pitchOf(x), time);
    this.bright.gain.setValueAtTime(y, time);
    for (const tone of this.tones) tone.start(time);
  }

  /** At a time the finger has come to a place; the pitch glides there from the place before. */
  glide([x, y], time) {
    for (const { frequency } of this.tones) {
      frequency.exponentialRampToValueAtTime(pitchOf(x), time);
    }
    this.bright.gain.linearRampToValueAtTime(y, time);
  }

  /** The finger has just moved. */
  move([x, y]) {
    const now = this.context.currentTime;
    for (const { frequency } of this.tones) frequency.setTargetAtTime(pitchOf(x), now, 0.008);
    this.bright.gain.setTargetAtTime(y, now, 0.008);
  }

  end(time) {
    const from = Math.max(time, this.context.currentTime);
    this.gain.gain.setTargetAtTime(0, from, RELEASE / 4);
    for (const tone of this.tones) tone.stop(from + 2 * RELEASE);
  }
}

/** The instrument; it sounds once `wake` was called, where the browser has sound at all. */
export class Synth {
  constructor() {
    this.context = null;
    this.voice = null;
    this.playing = [];
  }

  /** Called in answer to a person's touch: browsers let nothing sound before one. */
  wake() {
    if (!window.AudioContext) return;
    if (!this.context) {
      this.context = new AudioContext();
      const waves = [new Float32Array(4), new Float32Array([0, 0, 1 / 2, 1 / 3])];
      this.overtones = this.context.createPeriodicWave(...waves, { disableNormalization: true });
      this.out = new DynamicsCompressorNode(this.context);
      this.out.connect(this.context.destination);
    }
    this.context.resume();
  }

  bus() {
    const bus = new GainNode(this.context, { gain: LOUD });
    bus.connect(this.out);
    return bus;
  }

  /** A finger comes down at [x, y] and sounds until `up`. */
  down(place) {
    this.up();
    if (!this.context) return;
    this.live ??= this.bus();
    const now = this.context.currentTime;
    this.voice = new Voice(this.context, this.live, this.overtones, place, now);
  }

  move(place) {
    this.voice?.move(place);
  }

  up() {
    this.voice?.end(this.context.currentTime);
    this.voice = null;
  }

  /** Plays touches [x, y, dt] from their first on. */
  play(touches) {
    if (!this.context) return;
    const bus = this.bus();
    this.playing.push(bus);
    const start = this.context.currentTime + AHEAD;
    for (const swipe of swipesOf(touches)) {
      const [first, ...rest] = swipe;
      const voice = new Voice(this.context, bus, this.overtones, first, start + first[2]);
      for (const touch of rest) voice.glide(touch, start + touch[2]);
      voice.end(start + swipe.at(-1)[2]);
    }
  }

  /** Silence. */
  stop() {
    this.up();
    for (const bus of this.playing) {
      bus.gain.setTargetAtTime(0, this.context.currentTime, FADE);
      setTimeout(() => bus.disconnect(), FADE * 8e3);
    }
    this.playing = [];
  }
}
