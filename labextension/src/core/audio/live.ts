/** Audio that is heard while it is made. */

import type { Channel } from '../host/channel';
import type { Store } from './pcm';
import { SAMPLE_RATE, int16Of, toFloat } from './resample';
import { join } from './stretch';

const FRAME = 3200;
/** What is waited for before the first sound, and at most after running dry, samples. */
const PREBUFFER = 1.5 * FRAME;
const LONGEST_PREBUFFER = 4 * SAMPLE_RATE;
/** Audio is kept in blocks of 10 s; the oldest heard are dropped beyond 64 MiB, which are 23 minutes. */
const BLOCK = 10 * SAMPLE_RATE;
const MOST_BLOCKS = Math.floor((64 * 2 ** 20) / (2 * BLOCK));

/** What has come of a stream. Reading it waits for a cushion first, and for a larger one after each gap. */
export class LiveStore implements Store {
  length = 0;
  growing = true;
  /** More came than could be kept for a listener so far behind; the rest must be fetched. */
  truncated = false;
  private first: number | null = null;
  private needed = PREBUFFER;
  private holding = true;
  private cursor = 0;
  private readonly blocks = new Map<number, Int16Array>();

  constructor(private readonly mostBlocks = MOST_BLOCKS) {}

  /** Where what has come begins: after a reload of the page the beginning is gone. */
  get start(): number {
    return this.first ?? 0;
  }

  /** Samples that are waited for when playing starts, or starts again. */
  get prebuffer(): number {
    return this.needed;
  }

  write(start: number, samples: Int16Array): void {
    this.first ??= start;
    if (this.truncated) return;
    for (let done = 0; done < samples.length;) {
      const index = Math.floor((start + done) / BLOCK);
      const block = this.blockAt(index);
      if (!block) return;
      const offset = start + done - index * BLOCK;
      const part = samples.subarray(done, done + BLOCK - offset);
      block.set(part, offset);
      done += part.length;
      this.length = Math.max(this.length, start + done);
    }
  }

  end(): void {
    this.growing = false;
  }

  /** More comes after all: the connection was only interrupted. */
  resume(): void {
    if (!this.truncated) this.growing = true;
  }

  read(at: number, count: number): Float32Array {
    this.cursor = at;
    const waiting = this.length - at;
    if (this.holding && this.growing && waiting < this.needed) return new Float32Array(0);
    this.holding = false;
    return this.piece(at, Math.max(0, Math.min(count, waiting)));
  }

  /** Samples for looking at: whatever is there, silence elsewhere. */
  peek(at: number, count: number): Float32Array {
    const parts: Float32Array[] = [];
    for (let done = 0; done < count; done += parts.at(-1)!.length) parts.push(this.piece(at + done, count - done));
    return join(parts);
  }

  /** A listener begins at `at`: gather a cushion for it. */
  prefetch(at: number): void {
    this.cursor = at;
    this.holding = true;
  }

  starved(): void {
    this.holding = true;
    this.needed = Math.min(2 * this.needed, LONGEST_PREBUFFER);
  }

  /** At most `count` samples, to the end of the block; silence where it was dropped. */
  private piece(at: number, count: number): Float32Array {
    const index = Math.floor(at / BLOCK);
    const offset = at - index * BLOCK;
    const size = Math.min(count, BLOCK - offset);
    const block = this.blocks.get(index);
    return block ? toFloat(block.subarray(offset, offset + size)) : new Float32Array(size);
  }

  private blockAt(index: number): Int16Array | null {
    let block = this.blocks.get(index);
    if (block) return block;
    if (this.blocks.size >= this.mostBlocks) {
      const [oldest] = this.blocks.keys();
      if ((oldest! + 1) * BLOCK > this.cursor) {
        this.truncated = true;
        this.growing = false;
        return null;
      }
      this.blocks.delete(oldest!);
    }
    block = new Int16Array(BLOCK);
    this.blocks.set(index, block);
    return block;
  }
}

/** The beginning of a turn within a stream. */
export interface TurnMark {
  turn: string;
  start: number;
}

export class LiveStream {
  readonly store = new LiveStore();
  readonly marks: TurnMark[] = [];
  ended = '';

  constructor(readonly id: string) {}
}

export interface LiveEvents {
  begin(stream: LiveStream): void;
  audio(stream: LiveStream, start: number, samples: Int16Array): void;
  turn(stream: LiveStream): void;
  end(stream: LiveStream): void;
}

/** How many of the last chunks the latencies are kept of. */
const KEPT_LATENCIES = 2000;

/** Gathers the streams that come over a channel. */
export class Live {
  stream: LiveStream | null = null;
  /** Milliseconds from a frame's end in the kernel to its samples being here, for the last chunks that say. */
  readonly latencies: number[] = [];
  private readonly stops: (() => void)[];

  constructor(channel: Channel, events: LiveEvents) {
    this.stops = [
      channel.on('stream_begin', ({ stream }) => events.begin(this.open(stream))),
      channel.on('audio', ({ stream, start, generated_at: generatedAt }, [buffer]) => {
        const samples = buffer ? int16Of(buffer) : new Int16Array(0);
        const known = this.known(stream, events);
        if (!known.ended) known.store.resume();
        known.store.write(start, samples);
        events.audio(known, start, samples);
        if (typeof generatedAt === 'number') this.note(Date.now() - generatedAt);
      }),
      channel.on('stream_turn', ({ stream, turn, start }) => {
        const known = this.known(stream, events);
        known.marks.push({ turn, start });
        events.turn(known);
      }),
      channel.on('stream_end', ({ stream, ended }) => {
        const known = this.stream;
        if (known?.id !== stream) return;
        known.ended = ended;
        known.store.end();
        events.end(known);
      }),
    ];
  }

  dispose(): void {
    for (const stop of this.stops) stop();
  }

  private open(id: string): LiveStream {
    return (this.stream = new LiveStream(id));
  }

  /** After a reload the stream's first message may be gone. */
  private known(id: string, events: LiveEvents): LiveStream {
    if (this.stream?.id === id) return this.stream;
    const stream = this.open(id);
    events.begin(stream);
    return stream;
  }

  private note(milliseconds: number): void {
    this.latencies.push(milliseconds);
    if (this.latencies.length > KEPT_LATENCIES) this.latencies.shift();
  }
}
