// What holds the page together: state from the server, sound to the player, pictures to the eyes.
import * as api from "./api.js";
import { $, colour, h, icon, paper, toast } from "./dom.js";
import { dropAnywhere, openDialog, renderDialog, saveDialog } from "./files.js";
import { clock } from "./format.js";
import { Match } from "./match.js";
import { Palette } from "./palette.js";
import { Player } from "./player.js";
import { Rack } from "./rack.js";
import { Side } from "./side.js";
import { Wave } from "./wave.js";

const player = new Player(), rack = new Rack(), wave = new Wave(player), match = new Match(rack);
const side = new Side(match);
const palette = new Palette((request) => { if (request.op === "add" || request.op === "load") view("rack"); });
const studio = (window.studio = { player, state: null, take: null, dry: null, pictures: null, turned: null, lag: null, api });
let state = null;

// State ---------------------------------------------------------------------------------------------------------------

function show(next) {
  if (state && next.revision < state.revision) return;
  state = studio.state = next;
  [rack.loop, rack.seconds] = [next.loop, next.source?.seconds || 10];
  rack.update(next.nodes);
  if (!player.playing || !next.source) rack.release(); // else curves wait for what is heard next
  wave.update(next);
  side.update(next);
  $("file-name").textContent = next.source ? next.source.name : "Open a sound";
  $("file-about").textContent = next.source ? clock(next.source.seconds, false) : "";
  for (const slot of ["A", "B"]) $(`slot-${slot.toLowerCase()}`).setAttribute("aria-checked", next.slot === slot);
  $("copy").textContent = `Copy to ${next.slot === "A" ? "B" : "A"}`;
  $("copy").disabled = next.same;
  for (const way of ["undo", "redo"]) {
    $(way).disabled = !next[way];
    $(way).title = next[way] ? `${way === "undo" ? "Undo" : "Redo"}: ${next[way]}` : "";
  }
  if (queued && queued.span[0] !== next.loop[1]) { player.unqueue(); queued = null; }
  for (const id of ["play", "render", "bypass", "loops"]) $(id).disabled = !next.source;
  $("save").disabled = !next.nodes.length;
  document.title = `${next.source ? `${next.source.name} · ` : ""}difffx studio`;
  if (next.source) sound();
}

// Sound ---------------------------------------------------------------------------------------------------------------

const SLOW = 15; // milliseconds of work from which on what is heard next is asked for first
let rendering = false, whole = null, again = false, dryFor = "", looking = null;

/** Ask for the sound of the state that is shown; one request at a time, the last one counts. */
async function sound() {
  if (rendering) { again = true; whole?.abort(); return; }
  rendering = true;
  do {
    again = false;
    if (!state.source) break;
    const about = JSON.stringify([state.source, state.loop]);
    const before = about === dryFor;
    try {
      if (before && player.playing && !player.bypassed && studio.work > SLOW) {
        const at = player.position(), near = await api.take({ near: at.toFixed(4) });
        player.patch(near.sound, Number(at.toFixed(4)));
        lagged();
        rack.release();
        if (again || api.busy()) continue;
      }
      whole = new AbortController();
      const take = await api.take({ known: before ? studio.take?.key : "", signal: whole.signal });
      whole = null;
      if (take.outdated) continue; // another window turned a knob
      if (take.frames) {
        player.load("wet", take.rate, take.sound);
        wave.load("wet", take.sound);
        studio.take = take;
        studio.work = take.milliseconds;
      }
      studio.takeRevision = take.revision;
      lagged();
      rack.release();
      if (!before) {
        studio.dry = await api.take({ dry: true });
        player.load("dry", studio.dry.rate, studio.dry.sound);
        wave.load("dry", studio.dry.sound);
        dryFor = about;
      }
      clearTimeout(looking);
      looking = setTimeout(look, 150); // not between two turns of one hand
    } catch (error) {
      if (error.refused) toast(error.message, true);
    }
    whole = null;
  } while (again || (state.source && studio.takeRevision < state.revision && navigator.onLine && !api.busy() && online));
  rendering = false;
  rack.release();
}

// The part after the one that is looped, where the sound shall go on. At least so many seconds, and asked for so early.
const ONWARD = 10, EARLY = 8;
let queued = null, fetching = false;

async function ahead() {
  const [start, stop] = state.loop, until = Math.min(state.source.seconds, stop + Math.max(stop - start, ONWARD)), span = [stop, until];
  if (fetching || rendering || api.busy() || until - stop < 0.05) return;
  if (queued && queued.revision === state.revision) return;
  fetching = true;
  try {
    const wet = await api.take({ span }), dry = await api.take({ span, dry: true });
    if (state.loop[1] === stop && player.playing && !player.looping) {
      queued = { span, wet, dry, revision: wet.revision };
      player.queue(wet.rate, wet.sound, dry.sound);
    }
  } catch (error) {
    if (error.refused) { toast(error.message, true); queued = { span, revision: state.revision }; }
  }
  fetching = false;
}

player.onadvance = () => {
  const { span, wet, dry } = queued;
  queued = null;
  [studio.take, studio.dry] = [wet, dry];
  dryFor = JSON.stringify([state.source, span]);
  wave.load("dry", dry.sound);
  wave.load("wet", wet.sound);
  api.act({ op: "loop", start: span[0], stop: span[1], on: true }, "loop");
};

player.onend = () => {
  played();
  const [start, stop] = state.loop;
  if (start > 0) api.act({ op: "loop", start: 0, stop: stop - start }, "loop");
};

/** Note how long it took from a turn of a knob to its sound. */
function lagged() {
  if (studio.turned) [studio.lag, studio.turned] = [performance.now() - studio.turned, null];
}

async function look() {
  try {
    const found = await api.get("/api/pictures");
    studio.pictures = found;
    side.spectra(found);
    const measure = found.dry.lufs !== null && found.wet.lufs !== null ? "lufs" : "power_db";
    player.matched(Math.min(8, 10 ** ((found.wet[measure] - found.dry[measure]) / 20)));
  } catch { /* the next take brings its own */ }
}

// Sight ---------------------------------------------------------------------------------------------------------------

let level = -90;

function frame() {
  const found = studio.pictures, at = player.position();
  const index = found && player.duration && (player.playing || at > 0) && !player.bypassed ? Math.floor(at * found.rate) : -1;
  rack.light(found, index);
  wave.light();
  if (player.playing && !player.looping && player.duration - at < EARLY && state?.source) ahead();
  level = Math.max(player.level(), level - 0.9);
  const { pen, width, height } = paper($("meter"));
  const full = Math.max(0, Math.min(1, 1 + level / 60));
  pen.fillStyle = level > -0.1 ? colour("bad") : colour("ok");
  pen.fillRect(0, height * (1 - full), width, height * full);
  requestAnimationFrame(frame);
}

// Controls ------------------------------------------------------------------------------------------------------------

function play() {
  if (!state?.source) return;
  player.playing ? player.pause() : player.play();
  setTimeout(played, 30);
}

function played() {
  $("play").innerHTML = icon(player.playing ? "pause" : "play");
  $("play").setAttribute("aria-label", player.playing ? "Pause" : "Play");
}

function loops() {
  player.loops(!player.looping);
  if (player.looping) queued = null;
  $("loops").setAttribute("aria-pressed", player.looping);
}

function bypass() {
  player.bypass(!player.bypassed);
  $("bypass").setAttribute("aria-pressed", player.bypassed);
}

function view(name) {
  document.body.dataset.view = name;
  document.querySelectorAll(".dock button").forEach((button) => button.setAttribute("aria-pressed", button.dataset.view === name));
  if (name === "rack") rack.modules.forEach((module) => module.drawCurve());
}

function theme() {
  const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("difffx-theme", document.documentElement.dataset.theme);
  repaint();
}

function repaint() {
  rack.modules.forEach((module) => module.drawCurve());
  wave.draw();
  side.drawSpectrum();
}

function keys(event) {
  const typing = event.target.closest("input:not([type=range]):not([type=checkbox]), textarea, select, dialog");
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key.toLowerCase() === "z" && !typing) {
    event.preventDefault();
    api.act({ op: event.shiftKey ? "redo" : "undo" });
  } else if (command && event.key.toLowerCase() === "y" && !typing) {
    event.preventDefault();
    api.act({ op: "redo" });
  } else if (event.key === " " && !typing && !event.target.closest("button, [role=tab]")) {
    event.preventDefault();
    play();
  }
}

for (const [id, name] of [["play", "play"], ["undo", "undo"], ["redo", "redo"], ["theme", "theme"]]) $(id).innerHTML = icon(name);
$("play").addEventListener("click", play);
$("bypass").addEventListener("click", bypass);
$("loops").addEventListener("click", loops);
$("undo").addEventListener("click", () => api.act({ op: "undo" }));
$("redo").addEventListener("click", () => api.act({ op: "redo" }));
$("theme").addEventListener("click", theme);
$("slot-a").addEventListener("click", () => api.act({ op: "slot", slot: "A" }));
$("slot-b").addEventListener("click", () => api.act({ op: "slot", slot: "B" }));
$("copy").addEventListener("click", () => api.act({ op: "copy" }));
$("open").addEventListener("click", () => openDialog(state).catch((error) => toast(error.message, true)));
$("save").addEventListener("click", () => saveDialog(state));
$("render").addEventListener("click", () => renderDialog(state));
$("volume").addEventListener("input", (event) => player.setVolume(10 ** (event.target.value / 20)));
document.querySelectorAll(".dock button").forEach((button) => button.addEventListener("click", () => view(button.dataset.view)));
rack.onadd = (place) => { palette.aim(place); view("palette"); $("search").focus(); };
addEventListener("keydown", keys);
for (const kind of ["pointermove", "keydown", "wheel"]) addEventListener(kind, () => (studio.turned ??= api.busy() ? performance.now() : null), { passive: true });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
dropAnywhere();

let online = true;
api.on("state", show);
api.on("problem", (text) => toast(text, true));
api.on("online", (now) => {
  online = now;
  $("connection").hidden = now;
  if (now && state?.source) sound();
});
view("rack");
await palette.load().catch((error) => toast(error.message, true));
await api.refresh();
api.listen();
requestAnimationFrame(frame);
studio.ready = true;
