/**
 * Spectrogram of audio in the page, with the windows, rows and levels of `vibevoice_nb/audio/spectrogram.py`. A test
 * compares the two.
 */

import { SAMPLE_RATE } from './resample';

export type Scale = 'mel' | 'linear';

const TOP_HZ = 12_000;
const RANGE_DB = 90;
const WINDOW = 960;
const CLOSE_WINDOW = 288;
const CLOSE_HOP = 48;
const WINDOWS = 2500;
const FLOOR = 1e-12;

interface Bands {
  fft: number;
  window: Float64Array;
  /** First bin of each row, and the weights of the bins from there on. */
  rows: { first: number; weights: Float64Array }[];
}

/** Spectrogram of `[start, stop)`: `columns` x `rows` levels, row 0 the lowest, 255 a sine at full scale. */
export function picture(
  audio: Float32Array,
  start: number,
  stop: number,
  columns: number,
  rows: number,
  scale: Scale,
): Uint8Array {
  const hop = (stop - start) / columns;
  const { fft, window, rows: bands } = bandsOf(scale, rows, hop < CLOSE_HOP ? CLOSE_WINDOW : WINDOW);
  const size = window.length;
  const count = Math.max(1, Math.min(Math.floor(WINDOWS / columns), Math.ceil((2 * hop) / size)));
  const out = new Uint8Array(rows * columns);
  const [real, imaginary, power] = [new Float64Array(fft), new Float64Array(fft), new Float64Array(fft / 2 + 1)];
  for (let column = 0; column < columns; column++) {
    power.fill(0);
    for (let one = 0; one < count; one++) {
      const middle = start + (column + 0.5) * hop + (one - (count - 1) / 2) * (hop / count);
      const first = Math.round(middle - size / 2);
      real.fill(0);
      imaginary.fill(0);
      for (let i = 0; i < size; i++) real[i] = (audio[first + i] ?? 0) * window[i]!;
      transform(real, imaginary);
      for (let bin = 0; bin < power.length; bin++) power[bin]! += (real[bin]! ** 2 + imaginary[bin]! ** 2) / count;
    }
    bands.forEach(({ first, weights }, row) => {
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i]! * power[first + i]!;
      const level = 10 * Math.log10(Math.max(sum, FLOOR));
      out[row * columns + column] = Math.min(255, Math.max(0, Math.round(((level + RANGE_DB) * 255) / RANGE_DB)));
    });
  }
  return out;
}

const kept = new Map<string, Bands>();

function bandsOf(scale: Scale, rows: number, size: number): Bands {
  const key = `${scale} ${rows} ${size}`;
  const bands = kept.get(key) ?? makeBands(scale, rows, size);
  kept.set(key, bands);
  return bands;
}

function makeBands(scale: Scale, rows: number, size: number): Bands {
  const corners = Float64Array.from({ length: rows + 2 }, (_, i) =>
    scale === 'mel' ? hertzOf((i / (rows + 1)) * melOf(TOP_HZ)) : (i - 0.5) * (TOP_HZ / rows),
  );
  const narrowest = Math.min(...corners.subarray(1).map((corner, i) => corner - corners[i]!));
  const least = Math.max(2 * size, SAMPLE_RATE / narrowest); // no row may fall between two bins
  const fft = 2 ** Math.ceil(Math.log2(least));
  const plain = Float64Array.from(
    { length: size },
    (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 1)) / (size + 1)),
  );
  const sum = plain.reduce((total, weight) => total + weight, 0);
  const made = Array.from({ length: rows }, (_, row) => {
    const [low, middle, high] = [corners[row]!, corners[row + 1]!, corners[row + 2]!];
    const first = Math.max(0, Math.ceil((low * fft) / SAMPLE_RATE));
    const last = Math.min(fft / 2, Math.floor((high * fft) / SAMPLE_RATE));
    const weights = Float64Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => {
      const hertz = ((first + i) * SAMPLE_RATE) / fft;
      return Math.max(0, Math.min((hertz - low) / (middle - low), (high - hertz) / (high - middle)));
    });
    // A sine at full scale in the middle of a row has 0 dB there, however wide the row and the window.
    const response = weights.reduce(
      (total, weight, i) => total + weight * lobe(plain, sum, ((first + i) * SAMPLE_RATE) / fft - middle),
      0,
    );
    return { first, weights: weights.map((weight) => weight / response) };
  });
  return { fft, window: plain.map((weight) => (weight * 2) / sum), rows: made };
}

/** Response of the window to a sine at this distance in Hz. */
function lobe(window: Float64Array, sum: number, hertz: number): number {
  const step = (2 * Math.PI * hertz) / SAMPLE_RATE;
  const middle = (window.length - 1) / 2;
  return (window.reduce((total, weight, i) => total + weight * Math.cos(step * (i - middle)), 0) / sum) ** 2;
}

/** Slaney's mel scale: linear to 1 kHz, then logarithmic. */
const LOG_STEP = Math.log(6.4) / 27;
const melOf = (hertz: number): number => (hertz < 1000 ? (3 * hertz) / 200 : 15 + Math.log(hertz / 1000) / LOG_STEP);
const hertzOf = (mel: number): number => (mel < 15 ? (mel * 200) / 3 : 1000 * Math.exp(LOG_STEP * (mel - 15)));

/** Fourier transform in place; the length is a power of two. */
function transform(real: Float64Array, imaginary: Float64Array): void {
  const { length } = real;
  for (let i = 1, j = 0; i < length; i++) {
    let bit = length >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [real[i], real[j]] = [real[j]!, real[i]!];
      [imaginary[i], imaginary[j]] = [imaginary[j]!, imaginary[i]!];
    }
  }
  for (let size = 2; size <= length; size *= 2) {
    const half = size / 2;
    const [turnReal, turnImaginary] = [Math.cos((2 * Math.PI) / size), -Math.sin((2 * Math.PI) / size)];
    for (let start = 0; start < length; start += size) {
      let [wReal, wImaginary] = [1, 0];
      for (let k = start; k < start + half; k++) {
        const oddReal = real[k + half]! * wReal - imaginary[k + half]! * wImaginary;
        const oddImaginary = real[k + half]! * wImaginary + imaginary[k + half]! * wReal;
        real[k + half] = real[k]! - oddReal;
        imaginary[k + half] = imaginary[k]! - oddImaginary;
        real[k]! += oddReal;
        imaginary[k]! += oddImaginary;
        [wReal, wImaginary] = [
          wReal * turnReal - wImaginary * turnImaginary,
          wReal * turnImaginary + wImaginary * turnReal,
        ];
      }
    }
  }
}
