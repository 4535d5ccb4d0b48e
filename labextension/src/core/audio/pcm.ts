/** Audio sources fetched in pieces, and their playback at any speed, from any position, in a loop. */

import type { Feed } from './output';
import { SAMPLE_RATE, toFloat } from './resample';
import { Stretcher, join } from './stretch';

/** Samples of one source, as far as they have arrived. */
export interface Store {
  /** Number of samples so far. */
  readonly length: number;
  /** More samples will be added at the end. */
  readonly growing: boolean;
  /** Return at most `count` samples from `at` on; none while they are on their way. */
  read(at: number, count: number): Float32Array;
  /** Fetch the samples at `at`, which will be read soon. */
  prefetch(at: number): void;
  /** Called when the reader has run out of samples. */
  starved(): void;
}

/** A range of samples `[start, stop)`. */
export interface Range {
  start: number;
  stop: number;
}

const NONE = new Float32Array(0);
const PIECE = 6 * SAMPLE_RATE;
const CACHE_BYTES = 8 * 2 ** 20;

/** A source in the kernel, cached in pieces of six seconds; the least recently used are dropped. */
export class PieceStore implements Store {
  readonly growing = false;
  private readonly pieces = new Map<number, Int16Array>();
  private readonly underway = new Set<number>();

  constructor(
    readonly length: number,
    private readonly fetch: (start: number, count: number) => Promise<Int16Array>,
    private readonly onArrival: () => void,
    private readonly onFailure: (error: unknown) => void,
    private readonly cacheBytes = CACHE_BYTES,
  ) {}

  /** Bytes of audio held. */
  get bytes(): number {
    let sum = 0;
    for (const piece of this.pieces.values()) sum += piece.byteLength;
    return sum;
  }

  read(at: number, count: number): Float32Array {
    const index = Math.floor(at / PIECE);
    const piece = this.pieces.get(index);
    this.prefetch(at);
    if (!piece) return NONE;
    this.pieces.delete(index);
    this.pieces.set(index, piece);
    this.prefetch(at + PIECE);
    const offset = at - index * PIECE;
    return toFloat(piece.subarray(offset, offset + count));
  }

  prefetch(at: number): void {
    if (at >= 0 && at < this.length) void this.load(Math.floor(at / PIECE));
  }

  starved(): void {
    // A piece plays as soon as it arrives; waiting for more gains nothing.
  }

  private async load(index: number): Promise<void> {
    if (this.pieces.has(index) || this.underway.has(index)) return;
    this.underway.add(index);
    const start = index * PIECE;
    try {
      this.pieces.set(index, await this.fetch(start, Math.min(PIECE, this.length - start)));
      this.shrink();
      this.onArrival();
    } catch (error) {
      this.onFailure(error);
    } finally {
      this.underway.delete(index);
    }
  }

  private shrink(): void {
    for (const index of this.pieces.keys()) {
      if (this.bytes <= this.cacheBytes || this.pieces.size <= 2) return;
      this.pieces.delete(index);
    }
  }
}

export interface StoreFeedOptions {
  position?: number;
  speed?: number;
  loop?: Range | null;
  onFinished?: () => void;
}

/** Samples of cross-fade at the jump of a loop, so that it does not click: 5 ms. */
const FADE = Math.round(0.005 * SAMPLE_RATE);

/** Feed that plays a store once; for another position, speed or loop, create another one. */
export class StoreFeed implements Feed {
  private at: number;
  private read = 0;
  private jumped = false;
  private ended = false;
  /** Positions in the source of the samples read so far: from `read` on, they follow `at`. */
  private readonly splices: { read: number; at: number }[];
  private readonly speed: number;
  private readonly loop: Range | null;
  private readonly stretcher: Stretcher | null;
  private readonly onFinished: () => void;

  constructor(
    private readonly store: Store,
    { position = 0, speed = 1, loop = null, onFinished }: StoreFeedOptions = {},
  ) {
    this.at = Math.max(0, Math.min(Math.round(position), store.length));
    this.splices = [{ read: 0, at: this.at }];
    this.speed = speed;
    this.loop = loop && loop.stop - loop.start > 2 * FADE && this.at < loop.stop ? loop : null;
    this.stretcher = speed === 1 ? null : new Stretcher(speed);
    this.onFinished = onFinished ?? (() => undefined);
  }

  /** Position in the source once the output has played `heard` samples. */
  positionAt(heard: number): number {
    const read = Math.min(heard * this.speed, this.read);
    while (this.splices.length > 1 && this.splices[1]!.read <= read) this.splices.shift();
    const splice = this.splices[0]!;
    return splice.at + Math.max(0, read - splice.read);
  }

  pull(count: number): Float32Array | null {
    if (!this.stretcher) return this.take(count);
    const parts: Float32Array[] = [];
    for (let made = 0; made < count && !this.ended;) {
      const block = this.take(count);
      if (block && block.length === 0) break;
      if (block === null) this.ended = true;
      const part = block ? this.stretcher.push(block) : this.stretcher.flush();
      parts.push(part);
      made += part.length;
    }
    const out = join(parts);
    return this.ended && out.length === 0 ? null : out;
  }

  starved(): void {
    this.store.starved();
  }

  finished(): void {
    this.onFinished();
  }

  /** Read the next samples of the source, following the loop. */
  private take(count: number): Float32Array | null {
    const { loop, store } = this;
    if (loop && this.at >= loop.stop) {
      this.at = loop.start;
      this.jumped = true;
      this.splices.push({ read: this.read, at: this.at });
    }
    const stop = loop ? Math.min(loop.stop, store.length) : store.length;
    if (this.at >= stop && !store.growing) return null;
    const block = store.read(this.at, Math.min(count, Math.max(0, stop - this.at)));
    if (loop) {
      this.fade(block, loop);
      if (loop.stop - this.at < PIECE) store.prefetch(loop.start);
    }
    this.at += block.length;
    this.read += block.length;
    return block;
  }

  private fade(block: Float32Array, loop: Range): void {
    for (let i = 0; i < block.length; i++) {
      const toEnd = loop.stop - (this.at + i);
      if (toEnd <= FADE) block[i]! *= (toEnd - 1) / FADE;
      const fromStart = this.at + i - loop.start;
      if (this.jumped && fromStart < FADE) block[i]! *= fromStart / FADE;
    }
  }
}
