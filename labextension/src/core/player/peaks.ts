/** Waveform peaks: minimum and maximum of equal buckets, at any zoom, from the kernel or from live audio. */

import type { Channel } from '../host/channel';
import { int16Of } from '../audio/resample';
import type { TakeSummary } from '../host/traits';
import { Tiles, type Place } from './tiles';

/** Source of a waveform's peaks. */
export interface PeakSource {
  /** Write min and max of the buckets `first` to `first + count` to `out`; a bucket has 2^level samples. */
  fill(level: number, first: number, count: number, out: Int16Array): void;
  /** Fetch what the last picture lacked. */
  settle(): void;
  /** Release everything; called when it will not be drawn again. */
  dispose(): void;
}

/** Level at which a bucket is about one device pixel, never wider. */
export function levelFor(samplesPerPixel: number): number {
  return Math.max(0, Math.floor(Math.log2(Math.max(1, samplesPerPixel))));
}

const TILE = 1024;
const BUDGET = 4 * 2 ** 20;
/** Number of coarser levels tried while a tile is on its way. */
const SKETCHES = 10;

export class KernelPeaks implements PeakSource {
  private readonly tiles: Tiles<Int16Array>;
  private lacking: Place[] = [];

  constructor(channel: Channel, summary: TakeSummary, onload: () => void) {
    const { source } = summary;
    const load = async ({ level, index }: Place): Promise<Int16Array> => {
      const start = index * TILE * 2 ** level;
      const buckets = Math.min(TILE, Math.ceil((summary.samples - start) / 2 ** level));
      const stop = start + buckets * 2 ** level;
      const { buffers } = await channel.call('peaks', { source, start, stop, buckets });
      return int16Of(buffers[0]!);
    };
    this.tiles = new Tiles(load, (tile) => tile.byteLength, BUDGET, onload);
    this.last = summary.samples;
  }

  private readonly last: number;

  get bytes(): number {
    return this.tiles.bytes;
  }

  fill(level: number, first: number, count: number, out: Int16Array): void {
    const end = Math.min(first + count, Math.ceil(this.last / 2 ** level));
    out.fill(0);
    for (let bucket = first; bucket < end;) {
      const index = Math.floor(bucket / TILE);
      const next = Math.min(end, (index + 1) * TILE);
      const tile = this.tiles.get({ level, index });
      if (tile) out.set(tile.subarray(2 * (bucket - index * TILE), 2 * (next - index * TILE)), 2 * (bucket - first));
      else this.sketch(level, bucket, next, out, first);
      bucket = next;
    }
  }

  settle(): void {
    this.tiles.want(this.lacking);
    this.lacking = [];
  }

  dispose(): void {
    this.tiles.clear();
  }

  /** Fill missing buckets from a coarser level. */
  private sketch(level: number, from: number, to: number, out: Int16Array, first: number): void {
    this.lacking.push({ level, index: Math.floor(from / TILE) });
    for (let bucket = from; bucket < to;) {
      const { tile, up, next } = this.coarser(level, bucket);
      const stop = Math.min(to, next);
      for (; bucket < stop; bucket++) {
        const at = 2 * (Math.floor(bucket / 2 ** up) % TILE);
        out[2 * (bucket - first)] = tile?.[at] ?? 0;
        out[2 * (bucket - first) + 1] = tile?.[at + 1] ?? 0;
      }
    }
  }

  /** The finest available coarser tile over a bucket, and the first bucket after it. */
  private coarser(level: number, bucket: number): { tile: Int16Array | null; up: number; next: number } {
    for (let up = 1; up <= SKETCHES; up++) {
      const index = Math.floor(bucket / 2 ** up / TILE);
      const tile = this.tiles.get({ level: level + up, index });
      if (tile) return { tile, up, next: (index + 1) * TILE * 2 ** up };
    }
    return { tile: null, up: 0, next: Infinity };
  }
}

/** Finest level kept of live audio (256 samples), and the number of levels. */
const FINEST = 8;
const LEVELS = 14;

export class LivePeaks implements PeakSource {
  private readonly levels = Array.from({ length: LEVELS }, () => new Int16Array(2048));

  /** `read` returns the samples, for views closer than the finest level. */
  constructor(private readonly read: (start: number, count: number) => Int16Array) {}

  write(start: number, samples: Int16Array): void {
    for (let at = 0; at < samples.length;) {
      const bucket = Math.floor((start + at) / 2 ** FINEST);
      const stop = Math.min(samples.length, (bucket + 1) * 2 ** FINEST - start);
      let [low, high] = [0, 0];
      for (; at < stop; at++) {
        low = Math.min(low, samples[at]!);
        high = Math.max(high, samples[at]!);
      }
      for (let up = 0; up < LEVELS; up++) this.widen(up, Math.floor(bucket / 2 ** up), low, high);
    }
  }

  fill(level: number, first: number, count: number, out: Int16Array): void {
    out.fill(0);
    if (level >= FINEST) {
      const kept = this.levels[Math.min(level - FINEST, LEVELS - 1)]!;
      out.set(kept.subarray(2 * first, 2 * (first + count)));
      return;
    }
    const samples = this.read(first * 2 ** level, count * 2 ** level);
    for (let i = 0; i < samples.length; i++) {
      const at = 2 * (i >> level);
      if (level === 0 || samples[i]! < out[at]!) out[at] = samples[i]!;
      if (level === 0 || samples[i]! > out[at + 1]!) out[at + 1] = samples[i]!;
    }
  }

  settle(): void {
    // Nothing is fetched.
  }

  dispose(): void {
    // Nothing to release.
  }

  private widen(up: number, bucket: number, low: number, high: number): void {
    let kept = this.levels[up]!;
    if (2 * bucket + 1 >= kept.length) {
      const larger = new Int16Array(2 ** Math.ceil(Math.log2(2 * bucket + 2)));
      larger.set(kept);
      this.levels[up] = kept = larger;
    }
    kept[2 * bucket] = Math.min(kept[2 * bucket]!, low);
    kept[2 * bucket + 1] = Math.max(kept[2 * bucket + 1]!, high);
  }
}
