// What the page asks the server for. Requests that change something wait in a queue that outlives a lost connection and a
// reload; each has an id, by which the server does it once.
const KEY = "difffx-queue";
const me = sessionStorage.getItem("difffx-me") || Math.random().toString(36).slice(2, 10);
sessionStorage.setItem("difffx-me", me);

let queue = JSON.parse(sessionStorage.getItem(KEY) || "[]");
let sending = null, count = Date.now(), online = true;
const listeners = { state: [], problem: [], online: [], changed: [], job: [] };

export const on = (kind, listener) => listeners[kind].push(listener);
/** Tell every listener. What one of them cannot do is a fault of the page, and no lost connection. */
function tell(kind, ...said) {
  for (const listener of listeners[kind]) {
    try { listener(...said); } catch (error) {
      console.error(error);
      if (kind !== "problem") tell("problem", `The page cannot show this: ${error.message}`);
    }
  }
}
export const waiting = (key) => queue.some((request) => request.key === key) || sending?.key === key;
export const busy = () => queue.length > 0 || sending !== null;

function setOnline(now) {
  if (now === online) return;
  online = now;
  tell("online", now);
}

async function ask(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { "x-difffx": "1", ...(options.headers || {}) } });
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw Object.assign(new Error(said.problem || `the studio answered ${answer.status}`), { refused: true });
  }
  return answer;
}

export const get = async (path) => (await ask(path)).json();
export const post = async (path, body) => (await ask(path, { method: "POST", body: JSON.stringify(body) })).json();

/** Do something to the session. Requests of the same key that wait are replaced: only the last turn of a knob counts. */
export function act(request, key = "") {
  const id = `${me}-${count++}`;
  const before = key ? queue.findIndex((other) => other.key === key) : -1;
  const entry = { ...request, id, by: me, key };
  if (before >= 0) queue[before] = entry;
  else queue.push(entry);
  keep();
  send();
}

function keep() {
  sessionStorage.setItem(KEY, JSON.stringify(sending ? [sending, ...queue] : queue));
}

async function send() {
  if (sending || !queue.length) return;
  sending = queue.shift();
  keep();
  try {
    const state = await post("/api/do", sending);
    setOnline(true);
    sending = null;
    keep();
    tell("state", state);
  } catch (error) {
    const failed = sending;
    sending = null;
    if (error.refused) {
      keep();
      tell("problem", error.message);
      refresh();
    } else {
      queue.unshift(failed);
      keep();
      setOnline(false);
      setTimeout(send, 700);
      return;
    }
  }
  send();
}

export async function refresh() {
  try {
    tell("state", await get("/api/state"));
    setOnline(true);
  } catch (error) {
    if (error.refused) tell("problem", error.message);
    else setOnline(false);
  }
}

export function listen() {
  const events = new EventSource("/api/events");
  events.addEventListener("hello", () => { setOnline(true); refresh(); send(); tell("job", null); });
  events.addEventListener("changed", (event) => {
    const said = JSON.parse(event.data);
    if (said.by !== me) refresh();
    tell("changed", said);
  });
  events.addEventListener("job", (event) => tell("job", JSON.parse(event.data)));
  events.onerror = () => {
    setOnline(false);
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 1000);
  };
}

/** A take: its header, and samples channel by channel. */
export async function take({ dry = false, known = "", near = null, span = null, signal = undefined } = {}) {
  const part = span ? `&from=${span[0]}&to=${span[1]}` : "";
  const answer = await ask(`/api/take?known=${known}${dry ? "&dry=1" : ""}${near === null ? "" : `&near=${near}`}${part}`, { signal });
  const bytes = await answer.arrayBuffer();
  const length = new DataView(bytes).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  const channels = [];
  for (let c = 0; header.frames && c < header.channels; c++) channels.push(new Float32Array(bytes, 4 + length + 4 * c * header.frames, header.frames));
  return { ...header, sound: channels };
}

export async function upload(file) {
  const answer = await ask(`/api/files/${encodeURIComponent(file.name)}`, { method: "PUT", body: file });
  return (await answer.json()).name;
}
