// Values of knobs: positions, texts, and back.
export function toNorm(knob, value) {
  const at = knob.curve === "log" ? Math.log(value / knob.min) / Math.log(knob.max / knob.min) : (value - knob.min) / (knob.max - knob.min);
  return Math.min(1, Math.max(0, at));
}

export function toValue(knob, norm) {
  const at = Math.min(1, Math.max(0, norm));
  if (at === 0) return knob.min;
  if (at === 1) return knob.max;
  return nice(knob, knob.curve === "log" ? knob.min * (knob.max / knob.min) ** at : knob.min + at * (knob.max - knob.min));
}

/** Rounded as far as nobody hears it, so that files read well. */
export function nice(knob, value) {
  const step = knob.curve === "log" ? 0 : 10 ** Math.floor(Math.log10((knob.max - knob.min) / 500));
  const rounded = step ? Number((Math.round(value / step) * step).toFixed(9)) : Number(value.toPrecision(4));
  return Math.min(knob.max, Math.max(knob.min, rounded));
}

const digits = (value) => (Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3))));

export function text(knob, value) {
  if (knob.unit === "Hz" && Math.abs(value) >= 1000) return `${digits(value / 1000)} kHz`;
  if (knob.unit === "ms" && Math.abs(value) >= 1000) return `${digits(value / 1000)} s`;
  if (knob.unit === "" && knob.min === 0 && knob.max === 1) return `${digits(100 * value)} %`;
  return `${digits(value)} ${knob.unit}`.trim();
}

/** The value of a text, or null: "3k", "3.5 kHz", "30 %", "-6". */
export function parse(knob, said) {
  const found = /^\s*([+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:e[+-]?\d+)?)\s*(k?)\s*([a-zµ%]*)\s*$/i.exec(said);
  if (!found) return null;
  let value = Number(found[1].replace(",", "."));
  const unit = found[3].toLowerCase();
  if (found[2]) value *= 1000;
  if (unit === "%" || (knob.unit === "" && knob.min === 0 && knob.max === 1 && value > 1)) value /= 100;
  if (unit === "s" && knob.unit === "ms") value *= 1000;
  if (unit === "ms" && knob.unit === "s") value /= 1000;
  return Number.isFinite(value) ? Math.min(knob.max, Math.max(knob.min, value)) : null;
}

export function clock(seconds, tenths = true) {
  const s = Math.max(0, seconds);
  const hours = Math.floor(s / 3600), minutes = Math.floor(s / 60) % 60, rest = s % 60;
  const tail = tenths ? rest.toFixed(1).padStart(4, "0") : String(Math.floor(rest)).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** What a meter reads, in a line; a dash for silence. */
export function reading(found) {
  const units = { lufs: ["", " LUFS"], true_peak_db: ["", " dBTP"], correlation: ["correlation ", ""] };
  return Object.entries(found).map(([name, value]) => {
    const [before, after] = units[name];
    return before + (value === null ? "\u2013" : value.toFixed(name === "correlation" ? 2 : 1)) + after;
  }).join(", ");
}

export const moves = (value) => Array.isArray(value) || (value !== null && typeof value === "object");
export const firstOf = (value) => (Array.isArray(value) ? value[0] : moves(value) ? value.points[0][1] : value);
