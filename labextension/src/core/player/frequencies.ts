/** Axes of a spectrogram: frequencies and levels. */

export type Scale = 'mel' | 'linear';

/** The highest frequency shown: half our sample rate. */
export const TOP_HZ = 12_000;
/** Dynamic range of a spectrogram: `RANGE_DB` in vibevoice_nb/audio/spectrogram.py. */
export const RANGE_DB = 90;

/** Height of a frequency, from 0 at the bottom to 1 at the top. */
export function heightOf(hertz: number, scale: Scale): number {
  return scale === 'linear' ? hertz / TOP_HZ : melOf(hertz) / melOf(TOP_HZ);
}

/** Slaney's mel scale, as in librosa: linear to 1 kHz, then logarithmic. */
function melOf(hertz: number): number {
  const linear = (3 * hertz) / 200;
  return hertz < 1000 ? linear : 15 + Math.log(hertz / 1000) / (Math.log(6.4) / 27);
}

/** The frequency at a height: the inverse of `heightOf`. */
export function hertzAt(height: number, scale: Scale): number {
  const part = Math.min(1, Math.max(0, height));
  return scale === 'linear' ? part * TOP_HZ : hertzOf(part * melOf(TOP_HZ));
}

function hertzOf(mel: number): number {
  return mel < 15 ? (200 * mel) / 3 : 1000 * Math.exp((mel - 15) * (Math.log(6.4) / 27));
}

/** Frequencies labeled at the axis. */
export const MARKS: Readonly<Record<Scale, readonly number[]>> = {
  mel: [500, 1000, 2000, 4000, 8000],
  linear: [2000, 4000, 6000, 8000, 10_000],
};
