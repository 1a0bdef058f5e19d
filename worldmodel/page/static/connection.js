// How the page reaches what dreams for it: a worker beside it, or the server over a websocket.

/** An engine for an agent of the site: {ask(message), close()}; frames are RGBA bytes. */
export async function connect(site, agent) {
  const wanted = new URLSearchParams(location.search).get("engine");
  const served = site.socket && wanted !== "worker";
  return served ? connectServer(site, agent) : connectWorker(site, agent);
}

/** A sequence model of the site, which always runs in a worker of its own. */
export async function connectSystem(site, index) {
  return workerWith(await systemFiles(site, index));
}

async function connectWorker(site, agent) {
  return workerWith(await filesOf(site, agent));
}

async function workerWith(files) {
  const worker = new Worker(workerAddress());
  const engine = answering((packet) => worker.postMessage(packet), () => worker.terminate());
  worker.onmessage = ({ data }) => engine.receive(data.id, data.answer);
  worker.onerror = () => engine.fail("The worker has stopped: load the page again.");
  try {
    await engine.ask({ type: "load", ...files });
  } catch (error) {
    engine.close();
    throw error;
  }
  return engine;
}

async function connectServer(site, agent) {
  const token = new URLSearchParams(location.search).get("token") ?? "";
  const query = new URLSearchParams({ token, agent });
  const socket = new WebSocket(`ws://${location.host}${site.socket}?${query}`);
  socket.binaryType = "arraybuffer";
  const send = ({ id, message }) => socket.send(JSON.stringify({ ...message, id }));
  const engine = answering(send, () => socket.close());
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onclose = ({ reason }) => {
      const sentence = reason || "The server is not there any more: start `worldmodel page` again.";
      engine.fail(sentence);
      reject(new Error(sentence));
    };
  });
  socket.onmessage = ({ data }) => {
    const { id, ...answer } = unpacked(data);
    engine.receive(id, answer);
  };
  return engine;
}

/** Sends messages with a number, and gives each the answer that comes back with it. */
function answering(send, close) {
  const waiting = new Map();
  let [count, failed] = [0, null];
  return {
    ask(message) {
      if (failed) return Promise.reject(new Error(failed));
      const id = count++;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        send({ id, message });
      });
    },
    receive(id, answer) {
      const asked = waiting.get(id);
      waiting.delete(id);
      if (!asked) return;
      if (answer.error) asked.reject(new Error(answer.error));
      else asked.resolve(answer);
    },
    fail(sentence) {
      failed = sentence;
      for (const { reject } of waiting.values()) reject(new Error(sentence));
      waiting.clear();
    },
    close() {
      this.fail("The connection was closed.");
      close();
    },
  };
}

/** An answer of the server: length of the JSON, the JSON, and frames where it says {"$": [at, n]}. */
function unpacked(bytes) {
  const size = new DataView(bytes).getUint32(0, true);
  const answer = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, size)));
  for (const [name, value] of Object.entries(answer)) {
    if (!value || !value.$) continue;
    const [at, count] = value.$;
    answer[name] = new Uint8ClampedArray(bytes, 4 + size + at, count);
  }
  return answer;
}

function embeddedFiles(id) {
  const embedded = document.getElementById(id);
  if (!embedded) return null;
  const parts = JSON.parse(embedded.textContent);
  const decoded = Object.fromEntries(
    ["model", "reel", "kernel"].map((key) => [key, parts[key] && bytesOf(parts[key])]),
  );
  return { ...parts, ...decoded };
}

async function systemFiles(site, index) {
  const embedded = embeddedFiles(`system-${index}`);
  if (embedded) return embedded;
  const folder = folderOf(site, site.systems[index]);
  const about = await fetched(`${folder}/about.json`, "json");
  const paths = [`${folder}/model.safetensors`, "kernel.wasm"];
  const bytes = paths.map((path) => fetched(path, "arrayBuffer"));
  const [model, kernel] = await Promise.all(bytes);
  return { about, model, kernel };
}

async function filesOf(site, agent) {
  const embedded = embeddedFiles(`agent-${agent}`);
  if (embedded) return embedded;
  const folder = folderOf(site, site.agents[agent]);
  const { about, models } = await fetched(`${folder}/about.json`, "json");
  const paths = [`${folder}/model.safetensors`, "kernel.wasm"];
  if (about.reel) paths.push(`${folder}/reel.safetensors`);
  const bytes = paths.map((path) => fetched(path, "arrayBuffer"));
  const [model, kernel, reel] = await Promise.all(bytes);
  return { about, models, model, kernel, reel: reel ?? null };
}

/** Where the files of an agent or a system lie; its name may be any that a folder can have. */
function folderOf(site, { name }) {
  return `${site.files}/${name.split("/").map(encodeURIComponent).join("/")}`;
}

/** The content of a file, `as` "json" or "arrayBuffer". */
async function fetched(path, as) {
  const answer = await fetch(path).catch(() => null);
  const content = answer?.ok ? await answer[as]().catch(() => null) : null;
  if (!content) throw new Error(`${path} could not be loaded: reload the page.`);
  return content;
}

function workerAddress() {
  const embedded = document.getElementById("engine");
  if (!embedded) return "engine.bundle.js";
  return URL.createObjectURL(new Blob([embedded.textContent], { type: "text/javascript" }));
}

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
}
