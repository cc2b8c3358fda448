// Plays a part of the sound in a loop, or on into the part that is queued. A new rendering takes over where the one before
// is, in a short crossfade.
const FADE = 0.015;

export class Player {
  constructor() {
    this.playing = false;
    this.place = 0; // seconds in the loop, while it stands
    this.buffers = { dry: null, wet: null };
    this.bypassed = false;
    this.looping = true;
    this.next = null; // the part that follows, where it does not loop
    this.onadvance = this.onend = () => {};
    this.match = 1; // gain of the bypassed sound
    this.volume = 1;
    this.peak = 0;
  }

  _context(rate) {
    if (this.context && this.context.sampleRate === rate) return;
    const was = this.position();
    this._source = this._following = null;
    this.context?.close();
    this.context = new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
    this.master = this.context.createGain();
    this.master.gain.value = this.volume;
    this.analyser = this.context.createAnalyser();
    this.analyser.fftSize = 2048;
    this.master.connect(this.analyser).connect(this.context.destination);
    this.place = was;
  }

  get duration() {
    return this.buffers.wet ? this.buffers.wet.duration : 0;
  }

  /** Seconds from the beginning of the loop. */
  position() {
    if (!this.playing || !this.context || !this.duration) return this.place;
    const since = this.context.currentTime - this.began;
    return this.looping ? (since % this.duration + this.duration) % this.duration : Math.min(Math.max(since, 0), this.duration);
  }

  /** Take new samples; `rate` in Hz, `channels` of Float32Array. */
  load(which, rate, channels) {
    this._context(rate);
    const buffer = this._buffer(rate, channels);
    const before = this.buffers[which]?.duration;
    this.buffers[which] = buffer;
    if (before && Math.abs(before - buffer.duration) > 1e-6 && which === "wet") this.place = 0;
    if (this.playing && (which === "dry") === this.bypassed) this._start(this.position());
  }

  _buffer(rate, channels) {
    const buffer = this.context.createBuffer(channels.length, channels[0].length, rate);
    channels.forEach((samples, c) => buffer.copyToChannel(samples, c));
    return buffer;
  }

  /** The part that is played after this one, without a gap. */
  queue(rate, wet, dry) {
    this.next = { wet: this._buffer(rate, wet), dry: this._buffer(rate, dry) };
    this._follow();
  }

  unqueue() {
    this.next = null;
    this._drop();
  }

  /** Whether it begins again at its end, or goes on. */
  loops(on) {
    if (on === this.looping) return;
    const at = this.position();
    this.looping = on;
    if (on) this.next = null;
    if (this.playing) this._start(Math.min(at, this.duration - 0.001));
  }

  /** Put samples into what plays, from a place in seconds on, for as long as the rest is not there yet. */
  patch(channels, seconds) {
    const before = this.buffers.wet;
    if (!before || before.numberOfChannels !== channels.length) return;
    const from = Math.round(seconds * before.sampleRate);
    const whole = channels.map((samples, c) => {
      const copy = before.getChannelData(c).slice();
      copy.set(samples.subarray(0, Math.max(0, copy.length - from)), from);
      return copy;
    });
    this.load("wet", before.sampleRate, whole);
  }

  bypass(on) {
    if (on === this.bypassed) return;
    const at = this.position();
    this.bypassed = on;
    if (this.playing) this._start(at);
  }

  matched(gain) {
    this.match = gain;
    if (this._source && this.bypassed) this._source.gain.gain.setTargetAtTime(gain, this.context.currentTime, 0.02);
  }

  async play() {
    if (this.playing || !this.buffers.wet) return;
    await this.context.resume();
    this.playing = true;
    this._start(this.place);
  }

  pause() {
    if (!this.playing) return;
    this.place = this.position();
    this.playing = false;
    this._stop();
  }

  seek(seconds) {
    this.place = Math.min(Math.max(0, seconds), Math.max(0, this.duration - 0.01));
    if (this.playing) this._start(this.place);
  }

  setVolume(gain) {
    this.volume = gain;
    if (this.master) this.master.gain.setTargetAtTime(gain, this.context.currentTime, 0.01);
  }

  _drop() {
    if (this._following) { this._following.node.onended = null; this._following.node.stop(); }
    this._following = null;
  }

  _stop() {
    const old = this._source;
    this._drop();
    if (!old) return;
    old.node.onended = null;
    const now = this.context.currentTime;
    old.gain.gain.cancelScheduledValues(now);
    old.gain.gain.setValueAtTime(old.gain.gain.value, now);
    old.gain.gain.linearRampToValueAtTime(0, now + FADE);
    old.node.stop(now + FADE + 0.005);
    this._source = null;
  }

  _start(at) {
    const buffer = (this.bypassed && this.buffers.dry) || this.buffers.wet;
    this._stop();
    const now = this.context.currentTime, source = this._played(buffer);
    source.node.loop = this.looping;
    source.gain.gain.setValueAtTime(0, now);
    source.gain.gain.linearRampToValueAtTime(this.bypassed ? this.match : 1, now + FADE);
    source.node.start(now, at % buffer.duration);
    this.began = now - at;
    this._source = source;
    if (this.looping) return;
    source.node.onended = () => this._ended();
    this._follow();
  }

  _played(buffer) {
    const node = this.context.createBufferSource(), gain = this.context.createGain();
    node.buffer = buffer;
    node.connect(gain).connect(this.master);
    return { node, gain };
  }

  /** Have the part that is queued begin at the sample after the last of this one. */
  _follow() {
    this._drop();
    if (!this.playing || this.looping || !this.next) return;
    const source = this._played((this.bypassed && this.next.dry) || this.next.wet);
    source.gain.gain.value = this.bypassed ? this.match : 1;
    source.node.start(this.began + this.duration);
    this._following = source;
  }

  _ended() {
    if (!this.next || !this._following) {
      this._source = null;
      this.playing = false;
      this.place = 0;
      this.onend();
      return;
    }
    this.began += this.duration;
    [this.buffers, this.next] = [this.next, null];
    [this._source, this._following] = [this._following, null];
    this._source.node.onended = () => this._ended();
    this.onadvance();
  }

  /** The level of what is heard now, in dBFS. */
  level() {
    if (!this.playing || !this.analyser) return -90;
    this._samples ??= new Float32Array(this.analyser.fftSize);
    this.analyser.getFloatTimeDomainData(this._samples);
    let peak = 0;
    for (const sample of this._samples) peak = Math.max(peak, Math.abs(sample));
    return peak > 0 ? 20 * Math.log10(peak) : -90;
  }
}
