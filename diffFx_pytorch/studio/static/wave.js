// The sound as it is and as it becomes: the whole file with the loop on it, and the loop.
import { act, get } from "./api.js";
import { $, colour, paper } from "./dom.js";
import { clock } from "./format.js";

export class Wave {
  constructor(player) {
    this.player = player;
    this.loopBox = $("loop");
    this.loopBox.addEventListener("pointerdown", (event) => this.drag(event, event.target.id.replace("loop-", "").replace(/^loop$/, "both")));
    for (const edge of ["start", "stop"]) $(`loop-${edge}`).addEventListener("keydown", (event) => this.press(event, edge));
    $("overview").addEventListener("pointerdown", (event) => this.select(event));
    $("wave").parentElement.addEventListener("pointerdown", (event) => {
      if (event.target.closest("button") || !player.duration) return;
      const box = $("wave").getBoundingClientRect();
      player.seek(((event.clientX - box.left) / box.width) * player.duration);
    });
    new ResizeObserver(() => this.draw()).observe($("wave"));
  }

  /** Show the source and the loop of a state. */
  update(state) {
    const about = JSON.stringify(state.source);
    this.source = state.source;
    if (!this.moving) this.loop = state.loop;
    if (about !== this.about) {
      this.about = about;
      this.whole = null;
      this.drawn = {};
      if (state.source) this.read();
    }
    $("drop-hint").hidden = Boolean(state.source);
    this.placeLoop();
  }

  async read() {
    const about = this.about;
    for (let wait = 120; about === this.about; wait = Math.min(1000, wait * 1.6)) {
      try { this.whole = await get("/api/overview"); } catch { return; }
      this.drawWhole();
      if (this.whole.done) return;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  placeLoop() {
    this.loopBox.hidden = !this.source;
    if (!this.source) return;
    const [start, stop] = this.loop, all = this.source.seconds;
    this.loopBox.style.left = `${(100 * start) / all}%`;
    this.loopBox.style.width = `${(100 * (stop - start)) / all}%`;
    for (const [edge, value] of [["start", start], ["stop", stop]]) {
      const handle = $(`loop-${edge}`);
      handle.setAttribute("aria-valuemin", 0);
      handle.setAttribute("aria-valuemax", all.toFixed(2));
      handle.setAttribute("aria-valuenow", value.toFixed(2));
      handle.setAttribute("aria-valuetext", clock(value));
    }
  }

  setLoop(start, stop) {
    const all = this.source.seconds, span = Math.min(60, stop - start);
    start = Math.max(0, Math.min(start, all - 0.05));
    this.loop = [start, Math.min(all, Math.max(start + 0.05, start + span))];
    this.placeLoop();
    act({ op: "loop", start: this.loop[0], stop: this.loop[1] }, "loop");
  }

  drag(event, part) {
    if (event.button) return;
    event.preventDefault();
    event.stopPropagation();
    const box = $("overview").getBoundingClientRect(), all = this.source.seconds, [start, stop] = this.loop;
    this.moving = true;
    this.loopBox.setPointerCapture(event.pointerId);
    const move = (e) => {
      const by = ((e.clientX - event.clientX) / box.width) * all;
      if (part === "start") this.setLoop(Math.max(stop - 60, Math.min(start + by, stop - 0.05)), stop);
      else if (part === "stop") this.setLoop(start, Math.max(start + 0.05, Math.min(all, stop + by)));
      else {
        const at = Math.min(Math.max(0, start + by), all - (stop - start));
        this.setLoop(at, at + stop - start);
      }
    };
    this.loopBox.addEventListener("pointermove", move);
    this.loopBox.addEventListener("lostpointercapture", () => { this.moving = false; this.loopBox.removeEventListener("pointermove", move); }, { once: true });
  }

  /** Draw a new loop on the overview, or move it where nothing is drawn. */
  select(event) {
    if (event.button || !this.source) return;
    const canvas = $("overview"), box = canvas.getBoundingClientRect(), all = this.source.seconds;
    const at = (e) => (Math.min(1, Math.max(0, (e.clientX - box.left) / box.width))) * all;
    const from = at(event), length = this.loop[1] - this.loop[0];
    canvas.setPointerCapture(event.pointerId);
    let drawn = false;
    const move = (e) => {
      if (Math.abs(e.clientX - event.clientX) < 5 && !drawn) return;
      drawn = this.moving = true;
      this.setLoop(Math.min(from, at(e)), Math.max(from, at(e)));
    };
    canvas.addEventListener("pointermove", move);
    canvas.addEventListener("lostpointercapture", () => {
      canvas.removeEventListener("pointermove", move);
      this.moving = false;
      const start = Math.min(Math.max(0, from - length / 2), Math.max(0, all - length));
      if (!drawn) this.setLoop(start, start + length);
    }, { once: true });
  }

  press(event, edge) {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 10, PageDown: -10 }[event.key];
    if (!step || !this.source) return;
    event.preventDefault();
    const by = step * (event.shiftKey ? 0.01 : 0.1), [start, stop] = this.loop;
    if (edge === "start") this.setLoop(Math.min(Math.max(0, start + by), stop - 0.05), stop);
    else this.setLoop(start, Math.min(this.source.seconds, Math.max(start + 0.05, stop + by)));
  }

  /** New samples of "dry" or "wet". */
  load(which, channels) {
    this.drawn = { ...this.drawn, [which]: channels };
    this.draw();
  }

  draw() {
    this.drawWhole();
    const { pen, width, height } = paper($("wave"));
    for (const which of ["dry", "wet"]) {
      const channels = this.drawn?.[which];
      if (!channels) continue;
      pen.fillStyle = colour(which);
      pen.globalAlpha = which === "dry" ? 0.75 : 0.85;
      const frames = channels[0].length, middle = height / 2, scale = (height / 2) * 0.96;
      for (let x = 0; x < width; x++) {
        const from = Math.floor((x * frames) / width), to = Math.max(from + 1, Math.floor(((x + 1) * frames) / width));
        const step = Math.max(1, Math.floor((to - from) / 200));
        let low = 1, high = -1;
        for (const samples of channels) for (let i = from; i < to; i += step) { low = Math.min(low, samples[i]); high = Math.max(high, samples[i]); }
        [low, high] = [Math.max(-1, low), Math.min(1, high)];
        pen.fillRect(x, middle - high * scale, 1, Math.max(1, (high - low) * scale));
      }
    }
    pen.globalAlpha = 1;
  }

  drawWhole() {
    const { pen, width, height } = paper($("overview"));
    if (!this.whole?.low.length) return;
    pen.fillStyle = colour("soft");
    const { low, high, columns } = this.whole, scale = height / 2 - 2;
    low.forEach((value, i) => {
      const x = (i * width) / columns;
      pen.fillRect(x, height / 2 - high[i] * scale, Math.max(0.6, width / columns - 0.2), Math.max(0.8, (high[i] - value) * scale));
    });
  }

  /** The line at the place that is heard. */
  light() {
    const head = $("playhead"), length = this.player.duration;
    head.hidden = !length;
    if (!length) return;
    const at = this.player.position();
    head.style.transform = `translateX(${(at / length) * $("wave").clientWidth}px)`;
    $("clock").textContent = clock((this.loop?.[0] || 0) + at);
  }
}
