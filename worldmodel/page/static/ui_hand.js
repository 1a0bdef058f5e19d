// What a person wants to be done: keys and pointers on the picture, as an action.

const RAMP_S = 0.2;
// A pointer this close to the middle (as a share of the width) does not steer, for gas alone.
const MIDDLE = 0.08;
// Share of the picture's height that is a full drag, and that is none yet.
const FULL_DRAG = 0.25;
const NO_DRAG = 0.05;

function clip(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

/** The action of nobody's hand: zeros clipped into the range, or the first discrete action. */
export function restAction(actions) {
  if (actions.discrete) return oneHot(actions.discrete, 0);
  return actions.low.map((low, i) => clip(0, low, actions.high[i]));
}

/** The vector of a discrete action. */
export function oneHot(count, chosen) {
  return Array.from({ length: count }, (_, i) => (i === chosen ? 1 : 0));
}

/** The continuous action with some dimensions, {index: −1 to 1}, at a share of C's reach. */
export function reachAction(actions, shares) {
  const action = restAction(actions);
  for (const [key, share] of Object.entries(shares)) {
    const i = Number(key);
    if (i >= action.length) continue;
    const end = share < 0 ? actions.low[i] : actions.high[i];
    action[i] = clip(Math.abs(share) * end * actions.reach[i], actions.low[i], actions.high[i]);
  }
  return action;
}

/** Keys and pointers of one canvas; `read` gives the action, ramped if it is continuous. */
export class HandInput {
  constructor(canvas, actions) {
    this.canvas = canvas;
    this.actions = actions;
    this.keys = new Set();
    this.pointers = new Map();
    this.now = restAction(actions);
    this.readAt = 0;
    canvas.addEventListener("keydown", (event) => this.press(event));
    canvas.addEventListener("keyup", (event) => this.keys.delete(event.code));
    canvas.addEventListener("blur", () => this.release());
    canvas.addEventListener("pointerdown", (event) => this.touch(event));
    canvas.addEventListener("pointermove", (event) => this.drag(event));
    for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(type, (event) => this.pointers.delete(event.pointerId));
    }
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  release() {
    this.keys.clear();
    this.pointers.clear();
  }

  press(event) {
    // The code and not the key: a shift pressed in between must not leave a digit held for ever.
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!/^(Arrow|Digit|Numpad\d)/.test(event.code)) return;
    if (event.code.startsWith("Arrow")) event.preventDefault();
    this.keys.add(event.code);
  }

  touch(event) {
    if (event.button !== 0) return;
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    const box = this.canvas.getBoundingClientRect();
    const across = (event.clientX - box.left) / box.width;
    this.pointers.set(event.pointerId, { across, from: event.clientY, up: 0 });
  }

  drag(event) {
    const pointer = this.pointers.get(event.pointerId);
    if (!pointer) return;
    const box = this.canvas.getBoundingClientRect();
    pointer.across = (event.clientX - box.left) / box.width;
    const up = (pointer.from - event.clientY) / box.height;
    const share = clip((Math.abs(up) - NO_DRAG) / (FULL_DRAG - NO_DRAG), 0, 1);
    pointer.up = up < 0 ? -share : share;
  }

  /** Whether anything that means an action is held. */
  held() {
    if (this.pointers.size > 0) return true;
    if (this.actions.discrete) return this.chosen() !== null;
    return Object.keys(this.shares()).length > 0;
  }

  /** The discrete action that is held, or null. */
  chosen() {
    const count = this.actions.discrete;
    for (const code of this.keys) {
      const digit = /^(?:Digit|Numpad)(\d)$/.exec(code);
      if (digit && Number(digit[1]) < count) return Number(digit[1]);
      if (count <= 3 && code === "ArrowLeft") return 0;
      if (count <= 3 && code === "ArrowRight") return count - 1;
    }
    for (const { across } of this.pointers.values()) {
      if (count <= 3) return across < 0.5 ? 0 : count - 1;
      return clip(Math.floor(across * count), 0, count - 1);
    }
    return null;
  }

  /** The dimensions that are held, each with its share from −1 to 1. */
  shares() {
    let side = (this.keys.has("ArrowRight") ? 1 : 0) - (this.keys.has("ArrowLeft") ? 1 : 0);
    let gas = this.keys.has("ArrowUp") ? 1 : 0;
    let brake = this.keys.has("ArrowDown") ? 1 : 0;
    for (const { across, up } of this.pointers.values()) {
      if (Math.abs(across - 0.5) > MIDDLE) side += across < 0.5 ? -1 : 1;
      gas = Math.max(gas, up);
      brake = Math.max(brake, -up);
    }
    const held = {};
    const dims = this.actions.low.length;
    if (side || this.keys.has("ArrowLeft") || this.keys.has("ArrowRight")) {
      held[0] = clip(side, -1, 1);
    }
    if (gas && dims > 1) held[1] = gas;
    if (brake && dims > 2) held[2] = brake;
    return held;
  }

  /** The action at a time in ms, and whether it is held. */
  read(ms) {
    const seconds = (ms - this.readAt) / 1000;
    this.readAt = ms;
    const held = this.held();
    const { discrete, low, high, reach } = this.actions;
    if (discrete) return { action: oneHot(discrete, this.chosen() ?? 0), held };
    const target = reachAction(this.actions, this.shares());
    const rest = restAction(this.actions);
    this.now = this.now.map((value, i) => {
      const far = Math.max(high[i] - rest[i], rest[i] - low[i]) * reach[i];
      const most = (far * seconds) / RAMP_S;
      return value + clip(target[i] - value, -most, most);
    });
    return { action: [...this.now], held };
  }
}
