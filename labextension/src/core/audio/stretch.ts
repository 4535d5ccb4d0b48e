/** Time stretching at constant pitch: streaming WSOLA (waveform similarity overlap-add). */

import { SAMPLE_RATE } from './resample';

/** Half a window, written per step. With 15 ms, a window holds two periods of a low voice. */
const HOP = Math.round(0.015 * SAMPLE_RATE);
/** Search range around the nominal position of a window, for the waveform to continue in phase. */
const SEARCH = Math.round(0.01 * SAMPLE_RATE);

const RISE = Float32Array.from({ length: HOP }, (_, i) => 0.5 - 0.5 * Math.cos((Math.PI * (i + 0.5)) / HOP));

export class Stretcher {
  private input = new Float32Array(0);
  /** Position of `input[0]` in the whole signal. */
  private base = 0;
  private steps = 0;
  /** Start of the previous window in the whole signal. */
  private previous = 0;
  private ended = false;

  constructor(readonly speed: number) {}

  push(samples: Float32Array): Float32Array<ArrayBuffer> {
    const input = new Float32Array(this.input.length + samples.length);
    input.set(this.input);
    input.set(samples, this.input.length);
    this.input = input;
    return this.run();
  }

  /** Return the rest at the end of the signal. */
  flush(): Float32Array<ArrayBuffer> {
    const wanted = Math.round((this.base + this.input.length) / this.speed);
    const made = this.steps * HOP;
    this.ended = true;
    const padding = new Float32Array(2 * HOP + 2 * SEARCH + Math.ceil(HOP * this.speed));
    return this.push(padding).slice(0, Math.max(0, wanted - made));
  }

  private run(): Float32Array<ArrayBuffer> {
    const out: Float32Array[] = [];
    for (;;) {
      const nominal = Math.round(this.steps * HOP * this.speed);
      if (nominal + SEARCH + 2 * HOP > this.base + this.input.length) break;
      out.push(this.step(nominal));
    }
    if (!this.ended) this.forget();
    return join(out);
  }

  /** Overlap the previous window with the most similar continuation. */
  private step(nominal: number): Float32Array {
    const first = this.steps++ === 0;
    const natural = this.previous + HOP;
    const chosen = first ? 0 : this.mostSimilar(nominal, natural);
    const out = new Float32Array(HOP);
    const from = (first ? chosen : natural) - this.base;
    const to = chosen - this.base;
    for (let i = 0; i < HOP; i++) {
      out[i] = this.input[from + i]! * (1 - RISE[i]!) + this.input[to + i]! * RISE[i]!;
    }
    this.previous = chosen;
    return out;
  }

  private mostSimilar(nominal: number, natural: number): number {
    const low = Math.max(nominal - SEARCH, this.base);
    const high = nominal + SEARCH;
    const { input, base } = this;
    let energy = 1e-9;
    for (let i = 0; i < HOP; i++) energy += input[low - base + i]! ** 2;
    let best = nominal;
    let bestScore = -Infinity;
    for (let start = low; start <= high; start++) {
      let product = 0;
      const a = natural - base;
      const b = start - base;
      for (let i = 0; i < HOP; i++) product += input[a + i]! * input[b + i]!;
      const score = product / Math.sqrt(Math.max(energy, 1e-9));
      if (score > bestScore) [best, bestScore] = [start, score];
      energy += input[b + HOP]! ** 2 - input[b]! ** 2;
    }
    return best;
  }

  private forget(): void {
    const nominal = Math.round(this.steps * HOP * this.speed);
    const used = Math.min(nominal - SEARCH, this.previous + HOP) - this.base;
    if (used <= 0) return;
    this.input = this.input.slice(used);
    this.base += used;
  }
}

export function join(parts: Float32Array[]): Float32Array<ArrayBuffer> {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
