/** Sounds to try things on, and what to measure of them. */

import { SAMPLE_RATE } from '../../src/core/audio/resample';

export function sine(hertz: number, seconds: number, rate = SAMPLE_RATE): Float32Array {
  const length = Math.round(seconds * rate);
  return Float32Array.from({ length }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / rate));
}

/** A voice saying "a" for a while: a pulse train through two resonances, loudness rising and falling. */
export function vowel(hertz: number, seconds: number): Float32Array {
  const out = new Float32Array(Math.round(seconds * SAMPLE_RATE));
  const period = SAMPLE_RATE / hertz;
  for (const [formant, width] of [
    [700, 90],
    [1200, 110],
  ] as const) {
    const radius = Math.exp((-Math.PI * width) / SAMPLE_RATE);
    const turn = 2 * radius * Math.cos((2 * Math.PI * formant) / SAMPLE_RATE);
    let [before, last] = [0, 0];
    for (let i = 0; i < out.length; i++) {
      const pulse = i % period < 1 ? 1 : 0;
      [before, last] = [last, pulse + turn * last - radius * radius * before];
      out[i]! += 0.02 * last;
    }
  }
  return out.map((value, i) => value * (0.6 + 0.4 * Math.sin((2 * Math.PI * 3 * i) / SAMPLE_RATE)));
}

/** The pitch, from the best of the lags between 60 and 500 Hz, refined by a parabola. */
export function pitch(samples: Float32Array, rate = SAMPLE_RATE): number {
  const middle = samples.subarray(samples.length >> 2, (samples.length >> 2) + 3000);
  const low = Math.floor(rate / 500);
  const high = Math.ceil(rate / 60);
  const alike = (lag: number): number => {
    let [product, a, b] = [0, 0, 0];
    for (let i = 0; i + high < middle.length; i++) {
      product += middle[i]! * middle[i + lag]!;
      a += middle[i]! ** 2;
      b += middle[i + lag]! ** 2;
    }
    return product / Math.sqrt(a * b);
  };
  const scores = Array.from({ length: high - low }, (_, i) => alike(low + i));
  const top = Math.max(...scores);
  const at = scores.findIndex((score, i) => score > 0.98 * top && score >= (scores[i + 1] ?? 0));
  const [left, mid, right] = [scores[at - 1] ?? 0, scores[at]!, scores[at + 1] ?? 0];
  return rate / (low + at + (0.5 * (left - right)) / (left - 2 * mid + right));
}

/** The largest step between neighbors. */
export function roughest(samples: Float32Array): number {
  let step = 0;
  for (let i = 1; i < samples.length; i++) step = Math.max(step, Math.abs(samples[i]! - samples[i - 1]!));
  return step;
}
