// Opening, dropping, saving, rendering.
import { act, get, on, post, upload } from "./api.js";
import { $, dialog, h, toast } from "./dom.js";
import { clock } from "./format.js";

export const dropped = (event) => [...(event.dataTransfer?.files || [])];

/** Put a file into the folder; its name there, or null where it was refused. */
export async function put(file) {
  toast(`Reading ${file.name}`);
  try {
    return await upload(file);
  } catch (error) {
    toast(error.message, true);
    return null;
  }
}

export async function openFile(file) {
  const name = await put(file);
  if (name) act(/\.ya?ml$/i.test(name) ? { op: "load", name } : { op: "open", name });
}

/** A list of the sounds of the folder; `choose` gets the name of one. */
export async function soundList(choose) {
  const { sounds } = await get("/api/files");
  const rows = sounds.map((sound) => h("button", { disabled: Boolean(sound.problem), onclick: () => choose(sound.name) }, h("span", {}, sound.name),
    sound.problem ? h("small", { class: "problem" }, "cannot be read") : h("small", {}, `${clock(sound.seconds, false)}  ${(sound.rate / 1000).toFixed(1)} kHz`)));
  return h("div", { class: "list" }, ...(rows.length ? rows : [h("p", { class: "about" }, "There is no sound in the folder yet.")]));
}

export async function openDialog(state) {
  let box = null;
  const field = h("input", { type: "file", accept: "audio/*,.wav,.flac,.aiff,.aif,.ogg,.mp3,.yaml,.yml", class: "hidden", "aria-label": "A file of this computer", onchange: () => { box.close(); if (field.files[0]) openFile(field.files[0]); } });
  const choose = (name) => { act({ op: "open", name }); box.close(); };
  const { chains } = await get("/api/files");
  box = dialog("Open", h("p", { class: "about" }, `Sounds of ${state.folder}`), await soundList(choose),
    chains.length > 0 && h("p", { class: "about" }, "Chain files"), chains.length > 0 && h("div", { class: "list" }, ...chains.map((name) => h("button", { onclick: () => { act({ op: "load", name }); box.close(); } }, name))),
    h("div", { class: "foot" }, field, h("button", { class: "primary", onclick: () => field.click() }, "From this computer")));
}

export function saveDialog(state) {
  const field = h("input", { type: "text", value: state.file || "rack.yaml", "aria-label": "Name of the chain file" });
  const over = h("input", { type: "checkbox" });
  const box = dialog("Save the rack", h("label", {}, "Chain file", field), h("label", { style: "display:flex;gap:8px;align-items:center" }, over, "Replace a file of that name"),
    h("div", { class: "foot" }, h("button", { class: "primary", onclick: () => { act({ op: "save", name: /\.ya?ml$/.test(field.value) ? field.value : `${field.value}.yaml`, overwrite: over.checked }); box.close(); } }, "Save")));
  over.checked = field.value === state.file;
  field.select();
}

export function renderDialog(state) {
  const stem = state.source.name.replace(/\.[^.]*$/, "");
  const field = h("input", { type: "text", value: `${stem}-rendered.wav`, "aria-label": "Name of the sound file" });
  const over = h("input", { type: "checkbox" });
  const bar = h("progress", { max: "1", value: 0, hidden: true, "aria-label": "How far it is" });
  const said = h("p", { class: "about", role: "status" }, `The whole sound, ${clock(state.source.seconds, false)}, through the rack. The ending of the name gives the format.`);
  const go = h("button", { class: "primary", onclick: () => start() }, "Render");
  const stop = h("button", { hidden: true, onclick: () => post("/api/job", { kind: "render", stop: true }) }, "Stop");
  const box = dialog("Render", h("label", {}, "Sound file", field), h("label", { style: "display:flex;gap:8px;align-items:center" }, over, "Replace a file of that name"), said, bar, h("div", { class: "foot" }, stop, go));
  field.select();
  const show = (job) => {
    if (!job || job.kind !== "render" || !box.isConnected) return;
    bar.value = job.done || 0;
    const running = job.state === "running";
    [go.disabled, stop.hidden] = [running, !running];
    if (job.state === "done") {
      const peak = job.peak_db === null ? "silent" : `peak ${job.peak_db.toFixed(1)} dBFS`;
      said.replaceChildren(`${job.name}: ${clock(job.seconds)}, ${peak}. ${job.warnings.join(" ")} `, h("a", { href: `/api/download?name=${encodeURIComponent(job.name)}`, download: job.name.split("/").pop() }, "Keep a copy elsewhere"));
    } else if (job.state === "failed") said.textContent = job.problem;
    else if (job.state === "stopped") said.textContent = "Stopped; nothing was written.";
    else said.textContent = "Rendering";
  };
  on("job", show);
  async function start() {
    bar.hidden = false;
    bar.value = 0;
    try {
      await post("/api/job", { kind: "render", name: field.value, overwrite: over.checked });
    } catch (error) {
      said.textContent = error.message;
    }
  }
}

/** Let files be dropped anywhere on the page. */
export function dropAnywhere() {
  addEventListener("dragover", (event) => event.dataTransfer?.types.includes("Files") && event.preventDefault());
  addEventListener("drop", (event) => {
    const files = dropped(event);
    if (!files.length || event.defaultPrevented) return;
    event.preventDefault();
    openFile(files[0]);
  });
  $("open-hint").addEventListener("click", () => $("open").click());
}
