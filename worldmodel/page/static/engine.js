// The worker: loads the files of an agent, or of a system, and answers messages, one at a time.

import { Policy } from "./controller.js";
import { Dream } from "./dream.js";
import { Kernel } from "./kernel.js";
import { Predictor } from "./mdnrnn.js";
import { readTensors, tensorsOf } from "./safetensors.js";
import { loadSystem } from "./systems.js";
import { Decoder } from "./vae.js";

const SIDE = 64;
const KNOWN = ["open", "starts", "begin", "step", "effects", "futures", "follow"];

class Places {
  constructor(tensors) {
    this.tensors = tensors;
  }

  row(name, at) {
    const { shape, data } = this.tensors[name];
    return data.slice(at * shape[1], (at + 1) * shape[1]);
  }

  z(at) {
    return this.row("z", at);
  }

  state(at) {
    const restart = this.row("restart", at)[0];
    return { hidden: this.row("hidden", at), cell: this.row("cell", at), restart };
  }
}

class Reel {
  constructor(tensors, frames) {
    Object.assign(this, { tensors, frames });
  }

  static async of(tensors) {
    const context = new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true });
    const [frames, bytes] = [[], tensors.webp.data];
    let begin = 0;
    for (const end of tensors.ends.data) {
      const picture = await createImageBitmap(new Blob([bytes.slice(begin, end)]));
      context.drawImage(picture, 0, 0);
      frames.push(context.getImageData(0, 0, SIDE, SIDE).data);
      begin = end;
    }
    return new Reel(tensors, frames);
  }

  row(name, at) {
    const { shape, data } = this.tensors[name];
    return data.slice(at * shape[1], (at + 1) * shape[1]);
  }

  mu(at) {
    return this.row("mu", at);
  }

  action(at) {
    return this.row("action", at);
  }

  reward(at) {
    return this.tensors.reward.data[at];
  }

  frame(at) {
    return this.frames[at];
  }
}

/** The dream of an agent's files: {about, models, model, reel, kernel}, the last three as bytes. */
export async function loadDream({ about, models, model, reel, kernel }) {
  const tensors = readTensors(model);
  const host = new Kernel();
  const decoder = new Decoder(host, tensorsOf(tensors, "vae"));
  const predictor = new Predictor(host, tensorsOf(tensors, "mdnrnn"), models.mdnrnn);
  const policy = new Policy(tensorsOf(tensors, "controller"), models.controller);
  try {
    await host.start(kernel);
  } catch {
    throw new Error("This browser has no WebAssembly with SIMD, which the dream needs: update it.");
  }
  const places = new Places(tensorsOf(tensors, "starts"));
  const shown = reel ? await Reel.of(readTensors(reel)) : null;
  return new Dream({ decoder, predictor, policy, places, reel: shown }, about, models);
}

function buffersOf(answer) {
  return ["frame", "frames"].flatMap((name) => (answer[name] ? [answer[name].buffer] : []));
}

async function load(message) {
  if (message.about.kind) return loadSystem(message);
  return Object.assign(await loadDream(message), { messages: KNOWN });
}

/** What is thrown on purpose is a sentence; else a file was not what it should be. */
function told(error, type) {
  if (error.constructor === Error) return error.message;
  if (type === "load") return `The model's files are damaged (${error.message}): write them again.`;
  return `The worker failed at ${type} (${error.message}): load the page again.`;
}

if (typeof WorkerGlobalScope !== "undefined") {
  let loaded = null;
  self.onmessage = async ({ data: { id, message } }) => {
    try {
      if (message.type === "load") {
        loaded = await load(message);
        self.postMessage({ id, answer: {} });
      } else if (loaded.messages.includes(message.type)) {
        const answer = loaded[message.type](message);
        self.postMessage({ id, answer }, buffersOf(answer));
      } else {
        throw new Error(`The browser does not answer ${message.type}: it needs the server.`);
      }
    } catch (error) {
      self.postMessage({ id, answer: { error: told(error, message.type) } });
    }
  };
}
