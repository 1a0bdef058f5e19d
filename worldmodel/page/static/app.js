// The page: which agent, which tab, and what is said when something does not work.

import { connect } from "./connection.js";
import { choice } from "./ui_dom.js";
import { el } from "./ui_dom.js";
import { field } from "./ui_dom.js";
import { pushButton } from "./ui_dom.js";
import { sayStatus } from "./ui_dom.js";
import { mountDream } from "./view_dream.js";
import { mountPen } from "./view_pen.js";
import { mountTouch } from "./view_touch.js";

// A tab with `kinds` is there if the site has a system of one of them; its `mount` takes the site.
const TABS = [
  { id: "dream", label: "Dream" },
  { id: "pen", label: "Pen", kinds: ["writing", "pen"], mount: mountPen },
  { id: "touch", label: "Touch", kinds: ["touch"], mount: mountTouch },
];
const MOVES = { ArrowRight: 1, ArrowLeft: -1 };

class App {
  constructor(site) {
    this.site = site;
    this.root = document.getElementById("view");
    this.tabs = TABS.filter((tab) => !tab.kinds || this.systemsOf(tab).length > 0);
    this.tab = this.tabs[0];
    // What a tab showed stays, so that one can go and come back.
    this.views = new Map();
    this.round = 0;
    this.buttons = this.tabs.map((tab) => this.makeTab(tab));
    const list = document.getElementById("tabs");
    list.replaceChildren(...this.buttons);
    list.addEventListener("keydown", (event) => this.press(event));
    this.makeAgents();
    this.markTab();
  }

  systemsOf(tab) {
    return (this.site.systems ?? []).filter(({ kind }) => tab.kinds.includes(kind));
  }

  makeTab(tab) {
    const traits = { id: `tab-${tab.id}`, role: "tab", "aria-controls": "view" };
    return pushButton(tab.label, () => this.chooseTab(tab), traits);
  }

  makeAgents() {
    const place = document.getElementById("agents");
    const names = this.site.agents.map((agent, i) => [i, agent.label ?? agent.name]);
    if (names.length < 2) {
      place.replaceChildren(el("span", { className: "agent-name" }, names[0]?.[1] ?? ""));
      return;
    }
    const select = choice("agent", names, 0, () => this.open(Number(select.value)));
    place.replaceChildren(field("Agent", select));
  }

  /** Of the tabs one alone is reached by Tab; arrows go between them. */
  press(event) {
    const last = this.tabs.length - 1;
    const at = this.tabs.indexOf(this.tab);
    const ends = { Home: 0, End: last };
    const to = ends[event.key] ?? (at + (MOVES[event.key] ?? 0) + this.tabs.length) % (last + 1);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!(event.key in ends) && !(event.key in MOVES)) return;
    event.preventDefault();
    this.chooseTab(this.tabs[to]);
    this.buttons[to].focus();
  }

  markTab() {
    this.buttons.forEach((button, i) => {
      const chosen = this.tabs[i] === this.tab;
      button.setAttribute("aria-selected", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    });
    this.root.setAttribute("aria-labelledby", `tab-${this.tab.id}`);
    document.body.dataset.tab = this.tab.id;
    document.getElementById("agents").hidden = this.tab.id !== "dream";
  }

  chooseTab(tab) {
    if (tab === this.tab) return;
    this.views.get(this.tab.id)?.rest();
    this.tab = tab;
    sayStatus("");
    this.markTab();
    this.showTab();
  }

  /** Shows what the tab has shown before, or mounts it; a dream waits until its agent is there. */
  showTab() {
    const { id, mount } = this.tab;
    const known = this.views.get(id);
    this.showFacts();
    if (known) this.root.replaceChildren(known.node);
    else if (mount) this.views.set(id, mount(this.root, this.site));
    else if (this.about) this.views.set(id, mountDream(this.root, this.engine, this.about));
    else this.waitForAgent();
  }

  waitForAgent() {
    this.root.replaceChildren();
    sayStatus(this.said ?? "");
  }

  /** Says something of the agent, now or once its tab is shown again. */
  say(sentence) {
    this.said = sentence;
    if (this.tab.id === "dream") sayStatus(sentence);
  }

  /** Leaves the present agent and opens another; a choice made meanwhile wins. */
  async open(index) {
    const round = ++this.round;
    this.leave();
    const { label, name } = this.site.agents[index];
    this.say(`Loading ${label ?? name} …`);
    try {
      const engine = await connect(this.site, index);
      if (round !== this.round) {
        engine.close();
        return;
      }
      this.engine = engine;
      const { about } = await engine.ask({ type: "open" });
      if (round !== this.round) return;
      this.about = about;
      if (this.tab.id === "dream") this.showTab();
    } catch (error) {
      if (round === this.round) this.say(error.message);
    }
  }

  leave() {
    this.views.get("dream")?.close();
    this.views.delete("dream");
    this.engine?.close();
    this.engine = null;
    this.about = null;
    delete document.body.dataset.ready;
    this.showFacts();
  }

  showFacts() {
    document.getElementById("facts").textContent = this.facts();
  }

  facts() {
    if (this.tab.kinds) {
      const labels = this.systemsOf(this.tab).map(({ label }) => label);
      return `${labels.join(", ")} · runs in this browser`;
    }
    if (!this.about) return "";
    const { env, z_dim: z, hidden, components, engine } = this.about;
    const where = engine === "server" ? "on the server" : "in this browser";
    return `${env} · z ${z}, hidden ${hidden}, ${components} components · runs ${where}`;
  }
}

function startPage() {
  const site = JSON.parse(document.getElementById("site").textContent);
  if (!site.agents?.length) {
    sayStatus("This page has no agent: open it by the command `worldmodel page`.");
    return;
  }
  new App(site).open(0);
}

startPage();
