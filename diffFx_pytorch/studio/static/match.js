// Look for the settings of the rack from a recording: watch the error fall and the curves move; keep them or not.
import { act, get, on, post } from "./api.js";
import { chart, drawCurve } from "./chart.js";
import { colour, h, toast } from "./dom.js";
import { dropped, put, soundList } from "./files.js";
import { text } from "./format.js";

const WAYS = { wet: ["A wet recording", "The same take after the effects. Their knobs are found from its samples."], reference: ["A reference", "Any other sound. Spectrum, loudness, dynamics, decay and width are brought near to it."] };

export class Match {
  constructor(rack) {
    Object.assign(this, { rack, how: "wet", name: "", job: null, over: false });
    this.el = h("div", { class: "match" });
    on("job", async (job) => {
      if (job === null) job = (await get("/api/jobs").catch(() => ({}))).match;
      if (!job || job.kind !== "match") return;
      if (job.state === "running" && this.job?.state !== "running") this.over = false;
      this.job = job;
      this.curves();
      this.draw();
    });
    this.build();
  }

  build() {
    const ways = Object.entries(WAYS).map(([how, [label]]) => h("button", { role: "radio", "aria-checked": String(how === this.how), onclick: () => { this.how = how; this.build(); } }, label));
    const field = h("input", { type: "file", accept: "audio/*,.wav,.flac,.aiff,.ogg,.mp3", class: "hidden", tabindex: "-1", "aria-label": "A recording of this computer", onchange: () => field.files[0] && this.take(field.files[0]) });
    this.zone = h("div", { class: "zone" }, this.name ? h("b", {}, this.name) : "Drop a recording here", h("div", { class: "row", style: "justify-content:center;margin-top:10px" },
      h("button", { onclick: () => this.choose() }, "From the folder"), h("button", { onclick: () => field.click() }, "From this computer"), field));
    this.zone.addEventListener("dragover", (event) => { event.preventDefault(); this.zone.classList.add("over"); });
    this.zone.addEventListener("dragleave", () => this.zone.classList.remove("over"));
    this.zone.addEventListener("drop", (event) => {
      event.preventDefault();
      this.zone.classList.remove("over");
      if (dropped(event)[0]) this.take(dropped(event)[0]);
    });
    this.seconds = h("select", { "aria-label": "How long it may take", style: "width:auto" }, ...[5, 20, 60, 180].map((s) => h("option", { value: s, selected: s === 20 }, s < 60 ? `${s} seconds` : `${s / 60} minute${s > 60 ? "s" : ""}`)));
    this.go = h("button", { class: "primary", id: "fit", onclick: () => this.start() }, "Fit");
    this.stop = h("button", { onclick: () => post("/api/job", { kind: "match", stop: true }).catch((e) => toast(e.message, true)) }, "Stop");
    this.figure = h("p", { class: "figure", role: "status" });
    this.canvas = h("canvas", { role: "img", "aria-label": "The error while it is looked for" });
    this.found = h("div", { class: "match" });
    this.el.replaceChildren(h("div", { class: "segment small", role: "radiogroup", "aria-label": "What is matched" }, ...ways), h("p", { class: "about", style: "margin:0" }, WAYS[this.how][1]), this.zone,
      h("div", { class: "row" }, this.go, this.stop, this.seconds), this.figure, this.found, this.canvas);
    this.draw();
  }

  async take(file) {
    const name = await put(file);
    if (name) { this.name = name; this.build(); }
  }

  async choose() {
    const list = await soundList((name) => { this.name = name; this.build(); });
    this.zone.replaceChildren(list);
    list.querySelector("button:not(:disabled)")?.focus();
  }

  async start() {
    if (!this.name) { toast("Choose a recording first", true); return; }
    try {
      await post("/api/job", { kind: "match", name: this.name, how: this.how, seconds: +this.seconds.value });
    } catch (error) {
      toast(error.message, true);
    }
  }

  /** The curves of the rack at the settings that are being tried. */
  curves() {
    if (!this.job || this.over) return;
    for (const [id, curve] of Object.entries(this.job.curves || {})) {
      const module = this.rack.modules.get(id);
      if (module?.canvas && curve) drawCurve(module.canvas, curve, module.node.family);
    }
    if (this.job.state === "done") this.rack.modules.forEach((module) => module.drawCurve());
  }

  draw() {
    const job = this.over ? null : this.job, running = job?.state === "running";
    this.go.disabled = running;
    this.stop.hidden = !running;
    this.canvas.hidden = !job?.errors?.length;
    const errors = job?.errors || [], last = job?.state === "done" ? job.error : errors.at(-1);
    const wet = (job?.how || this.how) === "wet";
    if (last === undefined) this.figure.replaceChildren(running ? h("small", {}, "Trying settings") : job?.state === "failed" ? h("small", {}, job.problem) : "");
    else if (wet) this.figure.replaceChildren(`${last.toFixed(1)} dB`, " ", h("small", {}, "left of the recording"));
    else this.figure.replaceChildren(last.toFixed(1), " ", h("small", {}, "from the reference; 1 is about heard"));
    if (errors.length) chart(this.canvas, [{ x: errors.map((_, i) => i + 1), y: errors, colour: colour("accent"), fill: "floor" }], { xLabel: "", yLabel: wet ? "(dB)" : "distance", xRange: [1, Math.max(2, errors.length)] });
    const key = JSON.stringify([job?.state, job?.rows, this.over]);
    if (key === this.shown) return;
    this.shown = key;
    if (job?.state === "done") this.found.replaceChildren(...this.result(job));
    else this.found.replaceChildren(job?.state === "stopped" ? h("p", { class: "about" }, "Stopped; the rack is as it was.") : "");
  }

  result(job) {
    const changed = job.rows.filter((row) => this.module(row)?.knobs);
    const table = h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "Knob"), h("th", {}, "Found"), h("th", {}, job.how === "wet" ? "Could be" : "Position"))),
      h("tbody", {}, ...changed.map((row) => {
        const knob = { unit: row.unit, min: 0, max: row.unit ? 2 : 1.5 };
        const [low, high] = row.low === null ? [row.at, row.at] : [row.low, row.high];
        const bar = h("div", { class: "range", title: row.said ? `${text(knob, row.said[0])} to ${text(knob, row.said[1])}` : "" }, h("i", { style: `left:${100 * low}%;width:${Math.max(1, 100 * (high - low))}%` }));
        return h("tr", { class: row.determined ? "" : "loose" }, h("td", {}, `${row.step} ${row.path}`.replace(/_/g, " ")), h("td", { class: "n" }, text(knob, row.value)), h("td", {}, bar, h("span", { class: "hidden" }, row.said ? `${text(knob, row.said[0])} to ${text(knob, row.said[1])}` : "")));
      })));
    const measures = job.measures && h("table", {}, h("thead", {}, h("tr", {}, ...["Matched", "Before", "After", "Reference"].map((name) => h("th", {}, name)))),
      h("tbody", {}, ...job.measures.map((m) => h("tr", {}, h("td", {}, `${m.name} (${m.unit})`), ...[m.before, m.after, m.reference].map((value) => h("td", { class: "n" }, value.toFixed(1)))))));
    return [h("div", { class: "row" },
      h("button", { class: "primary", onclick: () => { act({ op: "settings", rows: job.rows.map(({ node, path, value }) => ({ node, path, value })) }); toast("Kept; undo brings the old settings back"); this.close(); } }, "Keep"),
      h("button", { onclick: () => this.close() }, "Discard")), ...job.notices.map((said) => h("p", { class: "about", style: "margin:0" }, said.charAt(0).toUpperCase() + said.slice(1) + ".")), measures || "", table];
  }

  module(row) {
    return this.rack.modules.get(row.node);
  }

  close() {
    this.over = true;
    this.rack.modules.forEach((module) => module.drawCurve());
    this.draw();
  }
}
