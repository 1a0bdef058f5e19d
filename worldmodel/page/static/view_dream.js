// The dream: pictures and controls on one side, what steers it and what is in it on the other.

import { el } from "./ui_dom.js";
import { sayStatus } from "./ui_dom.js";
import { makeBars } from "./ui_bars.js";
import { HandInput } from "./ui_hand.js";
import { Player } from "./view_player.js";
import { DreamSource } from "./view_sources.js";
import { RealSource } from "./view_sources.js";
import { ReelSource } from "./view_sources.js";
import { InsidePanel } from "./view_inside.js";
import { RecordControl } from "./view_record.js";
import { Stage } from "./view_stage.js";
import { SteerPanel } from "./view_steer.js";
import { makeDriver } from "./view_controls.js";
import { makeReadout } from "./view_controls.js";
import { makeSwitches } from "./view_controls.js";
import { makeTransport } from "./view_controls.js";
import { makeHint } from "./view_hint.js";
import { makeStarts } from "./view_starts.js";

// Pictures of latents wait until stepping by hand has come to rest.
const REST_MS = 300;

class DreamView {
  constructor(root, engine, about) {
    this.about = about;
    this.engine = engine;
    // Whether the status line says something that the next moment will have overtaken.
    this.unsettled = true;
    this.stage = new Stage(about);
    this.input = new HandInput(this.stage.screen, about.actions);
    this.readout = makeReadout();
    this.steer = new SteerPanel(about, {
      seed: () => this.player.restart(),
      effects: () => this.askEffects(),
    });
    this.inside = new InsidePanel(about, { futures: () => this.askFutures() });
    this.record = new RecordControl(() => this.stage.pictures(), about.name);
    this.bars = makeBars(about.actions, this.record.place);
    this.driver = makeDriver({
      speed: (times) => (this.player.pace.rate = about.fps * times),
      mode: (mode) => (this.stage.screen.dataset.mode = mode),
    });
    this.stage.screen.dataset.mode = this.driver.mode();
    this.sources = this.makeSources();
    this.player = this.makePlayer();
    this.transport = this.makeTransport();
    this.starts = makeStarts(about.starts, (k, event) => this.chooseStart(k, event));
    this.switches = makeSwitches(this.sources, (source) => this.player.show(source));
    this.onHidden = () => {
      this.input.release();
      if (document.hidden) this.player.pause();
    };
    document.addEventListener("visibilitychange", this.onHidden);
    this.stage.screen.addEventListener("keydown", (event) => this.press(event));
    this.build(root);
    this.arrange();
    this.open();
  }

  makeSources() {
    const ask = (message) => this.engine.ask(message);
    const settings = () => ({ ...this.steer.settings(), ...this.inside.settings() });
    const sources = { dream: new DreamSource(ask, this.about, settings) };
    if (this.about.reel > 0) sources.reel = new ReelSource(ask, this.about, settings);
    if (this.about.real) sources.real = new RealSource(ask, this.about, settings);
    return sources;
  }

  makePlayer() {
    return new Player(this.sources.dream, this.about.fps, {
      hand: () => this.hand(),
      moment: (source) => this.show(source),
      changed: () => this.arrange(),
      failed: (sentence) => this.fail(sentence),
    });
  }

  makeTransport() {
    const { player } = this;
    const on = {
      play: this.focused(() => player.toggle()),
      step: this.focused(() => player.step()),
      restart: this.focused(() => player.restart()),
      next: this.focused(() => player.next()),
    };
    return makeTransport(on, this.record.button);
  }

  /** A click with a pointer gives the keys to the picture; one from the keyboard stays. */
  focused(act) {
    return (event) => {
      if (event.detail > 0) this.stage.screen.focus({ preventScroll: true });
      act();
    };
  }

  build(root) {
    const side = el(
      "section",
      { className: "player", "aria-label": "Player" },
      this.switches.node,
      this.stage.node,
      makeHint(this.stage.screen, this.about.actions),
      this.transport.node,
      this.readout.node,
      this.bars.node,
      this.driver.node,
      el("h3", {}, "Starts"),
      this.starts.node,
    );
    const panels = el("div", { className: "panels" }, this.steer.node, this.inside.node);
    this.node = el("div", { className: "dream" }, side, panels);
    root.replaceChildren(this.node);
  }

  /** The first picture comes first; the strip may take its time. */
  async open() {
    await this.player.restart();
    if (this.about.starts === 0) return;
    const answer = await this.player.attempt(() => this.engine.ask({ type: "starts" }));
    if (answer) this.starts.fill(answer.frames);
  }

  hand() {
    const { action, held } = this.input.read(performance.now());
    const mode = this.driver.mode();
    if (mode !== "agent") return { action, mix: mode === "you" ? 1 : this.driver.mix() };
    return held ? { action, mix: 1 } : { action: null, mix: 0 };
  }

  show(source) {
    const { moment } = source;
    this.stage.paint(source);
    this.readout.show(moment);
    this.bars.show(moment.action, source.agentInPlace);
    if (source.kind === "dream") this.steer.latents.follow(moment.z);
    this.inside.show(source);
    this.starts.mark(this.sources.dream.start);
    this.record.draw();
    this.allow();
    if (this.unsettled) sayStatus("");
    this.unsettled = false;
    document.body.dataset.ready = "1";
    if (!this.player.playing) this.effectsSoon();
  }

  fail(sentence) {
    sayStatus(sentence);
    this.unsettled = true;
  }

  arrange() {
    const { kind } = this.player.source;
    if (this.stage.kind && this.stage.kind !== kind) this.record.stop();
    this.stage.arrange(kind);
    this.steer.arrange(kind);
    this.inside.arrange(kind);
    this.transport.show(this.player.playing, kind !== "reel");
    this.switches.mark(kind);
    document.body.dataset.playing = this.player.playing ? "1" : "0";
    document.body.dataset.show = kind;
    this.allow();
    if (!this.player.playing) this.effectsSoon();
  }

  /** Whether the dream stands still somewhere, so that it can be looked at. */
  resting() {
    const { source, playing } = this.player;
    return source.kind === "dream" && !playing && source.moment !== null && !source.moment.over;
  }

  allow() {
    const { source } = this.player;
    this.steer.allow(source.kind === "dream" && source.moment !== null && !source.moment.over);
    this.inside.allow(this.resting());
  }

  effectsSoon() {
    clearTimeout(this.effectsTimer);
    this.effectsTimer = setTimeout(() => {
      if (this.resting()) this.askEffects();
    }, REST_MS);
  }

  askEffects() {
    return this.player.attempt(async () => {
      const { kind, moment } = this.player.source;
      // It may have ended while this waited for its turn.
      if (kind !== "dream" || !moment || moment.over) return;
      const answer = await this.engine.ask(this.steer.latents.effectsMessage());
      this.steer.latents.showEffects(answer.frames);
    });
  }

  askFutures() {
    return this.player.attempt(async () => {
      if (!this.resting()) return;
      const { step } = this.player.source.moment;
      const message = this.inside.futures.message(this.steer.settings());
      const answer = await this.engine.ask(message);
      this.inside.futures.show(answer.frames, step);
    });
  }

  chooseStart(k, event) {
    if (event.detail > 0) this.stage.screen.focus({ preventScroll: true });
    const { dream } = this.sources;
    this.player.begin(dream, () => (dream.start = k));
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = {
      " ": () => this.player.toggle(),
      r: () => this.player.restart(),
      n: () => this.player.source.kind !== "reel" && this.player.next(),
      m: () => this.driver.cycle(),
      ".": () => this.player.step(),
    };
    const act = acts[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    // Only stepping makes sense while the key is kept down.
    if (!event.repeat || event.key === ".") act();
  }

  rest() {
    this.input.release();
    this.player.pause();
    this.record.stop();
  }

  close() {
    document.removeEventListener("visibilitychange", this.onHidden);
    clearTimeout(this.effectsTimer);
    this.player.close();
    this.record.close();
    this.stage.close();
    this.inside.close();
    this.node.remove();
  }
}

/** Shows the dream of an engine under `root`; `close` takes it away again. */
export function mountDream(root, engine, about) {
  return new DreamView(root, engine, about);
}
