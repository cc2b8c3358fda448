// Lines over a grid with axes that an engineer reads.
import { colour, paper } from "./dom.js";

const short = (value) => (Math.abs(value) >= 1000 ? `${+(value / 1000).toPrecision(3)}k` : String(+value.toPrecision(3)));

function ticks(low, high, most) {
  const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(+(k * step).toPrecision(10));
  return found;
}

function logTicks(low, high, wide) {
  const found = [];
  for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p++)
    for (const m of wide ? [1, 2, 5] : [1]) if (m * 10 ** p >= low * 0.999 && m * 10 ** p <= high * 1.001) found.push(m * 10 ** p);
  return found;
}

/** Draw lines: [{x, y, colour, width, fill, stems}]. About: xLabel, yLabel, xLog, yRange, xRange. */
export function chart(canvas, lines, about) {
  const { pen, width, height } = paper(canvas);
  if (!width) return;
  const left = 34, right = 8, top = 8, bottom = 18;
  const xs = lines.flatMap((line) => [line.x[0], line.x[line.x.length - 1]]).filter(Number.isFinite);
  let [x0, x1] = about.xRange || [Math.min(...xs), Math.max(...xs)];
  let [y0, y1] = about.yRange || bounds(lines, /dB/.test(about.yLabel || "") ? 12 : 0);
  if (x1 === x0) x1 = x0 + 1;
  if (y1 === y0) y1 = y0 + 1;
  const across = (x) => left + (about.xLog ? Math.log(x / x0) / Math.log(x1 / x0) : (x - x0) / (x1 - x0)) * (width - left - right);
  const down = (y) => height - bottom - ((Math.min(Math.max(y, 2 * y0 - y1), 2 * y1 - y0) - y0) / (y1 - y0)) * (height - top - bottom);
  pen.fillStyle = colour("sunken");
  pen.beginPath();
  pen.roundRect(0, 0, width, height, 8);
  pen.fill();
  pen.font = "10.5px system-ui, sans-serif";
  pen.strokeStyle = colour("line");
  pen.fillStyle = colour("soft");
  pen.lineWidth = 1;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const y of ticks(y0, y1, Math.max(2, Math.floor(height / 34)))) {
    pen.globalAlpha = Math.abs(y) < 1e-9 ? 1 : 0.6;
    line(pen, left, down(y), width - right, down(y));
    pen.globalAlpha = 1;
    pen.fillText(short(y), left - 5, down(y));
  }
  pen.textAlign = "center";
  let last = -99;
  for (const x of about.xLog ? logTicks(x0, x1, width > 240) : ticks(x0, x1, Math.max(2, Math.floor(width / 70)))) {
    pen.globalAlpha = 0.6;
    line(pen, across(x), top, across(x), height - bottom);
    pen.globalAlpha = 1;
    if (across(x) - last > 26 && across(x) < width - 30) {
      pen.fillText(short(x), across(x), height - bottom + 9);
      last = across(x);
    }
  }
  pen.textAlign = "right";
  pen.fillText(unit(about.xLabel), width - right, height - bottom + 9);
  pen.textAlign = "left";
  if (unit(about.yLabel)) pen.fillText(unit(about.yLabel), left + 4, top + 4);
  // What is out of range leaves the picture, and does not run along its edge.
  pen.save();
  pen.beginPath();
  pen.rect(left - 3, top - 2, width - left - right + 6, height - top - bottom + 4);
  pen.clip();
  for (const each of lines) {
    pen.strokeStyle = pen.fillStyle = each.colour;
    pen.lineWidth = each.width || 2;
    pen.lineJoin = "round";
    pen.beginPath();
    if (each.stems) {
      const floor = down(Math.max(y0, Math.min(0, y1)) === 0 && y1 > 0 ? 0 : y0);
      each.x.forEach((x, i) => { pen.moveTo(across(x), floor); pen.lineTo(across(x), down(each.y[i])); });
      pen.stroke();
      each.x.forEach((x, i) => { pen.beginPath(); pen.arc(across(x), down(each.y[i]), 2.6, 0, 7); pen.fill(); });
      continue;
    }
    each.x.forEach((x, i) => (i ? pen.lineTo(across(x), down(each.y[i])) : pen.moveTo(across(x), down(each.y[i]))));
    pen.stroke();
    if (each.fill && each.x.length) {
      const base = down(y0 < 0 && y1 > 0 && each.fill !== "floor" ? 0 : y0);
      pen.lineTo(across(each.x[each.x.length - 1]), base);
      pen.lineTo(across(each.x[0]), base);
      pen.globalAlpha = 0.13;
      pen.fill();
      pen.globalAlpha = 1;
    }
  }
  pen.restore();
}

const unit = (label = "") => /\(([^)]*)\)\s*$/.exec(label)?.[1] || "";

function line(pen, x0, y0, x1, y1) {
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
}

function bounds(lines, least) {
  let low = Infinity, high = -Infinity;
  for (const each of lines) for (const y of each.y) { low = Math.min(low, y); high = Math.max(high, y); }
  if (!Number.isFinite(low)) return [0, 1];
  if (high - low < least) {
    const middle = (high + low) / 2;
    [low, high] = [Math.min(low, middle - least / 2), Math.max(high, middle + least / 2)];
  }
  const room = 0.08 * (high - low) || 0.5;
  return [low - room, high + room];
}

/** The curve of an effect, as the server says it. */
export function drawCurve(canvas, curve, family) {
  if (!curve) return;
  const lines = [{ x: curve.x, y: curve.y, colour: colour(family) || colour("accent"), fill: !curve.stems, stems: curve.stems }];
  // A curve of level against level has the line at which nothing happens.
  if (/dB/.test(curve.x_label) && /dB/.test(curve.y_label) && !curve.x_log) lines.unshift({ x: [curve.x[0], curve.x.at(-1)], y: [curve.x[0], curve.x.at(-1)], colour: colour("strong"), width: 1 });
  const decibels = /dB/.test(curve.y_label) && curve.x_log;
  let yRange;
  if (decibels && curve.y.length) {
    const high = Math.max(...curve.y), low = Math.min(...curve.y);
    yRange = [Math.max(Math.min(-13, low - 1.5), high > -40 ? -42 : low - 2), Math.max(13, high + 1.5)];
  }
  chart(canvas, lines, { xLabel: curve.x_label, yLabel: curve.y_label, xLog: curve.x_log, yRange });
}
