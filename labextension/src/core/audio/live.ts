/** Live audio: streams that play while they are generated. */

import type { Channel } from '../host/channel';
import { Disposers } from '../ui/disposers';
import type { Store } from './pcm';
import { SAMPLE_RATE, int16Of, toFloat } from './resample';
import { join } from './stretch';

const FRAME = 3200;
/** Samples buffered before playback starts, and the maximum after underruns. */
const PREBUFFER = 1.5 * FRAME;
const LONGEST_PREBUFFER = 4 * SAMPLE_RATE;
/** Audio is kept in blocks of 10 s; beyond 64 MiB (23 minutes) the oldest played blocks are dropped. */
const BLOCK = 10 * SAMPLE_RATE;
const MOST_BLOCKS = Math.floor((64 * 2 ** 20) / (2 * BLOCK));

/** The received part of a stream. Reading waits until a buffer has filled, a larger one after each underrun. */
export class LiveStore implements Store {
  length = 0;
  growing = true;
  /** The listener is too far behind to keep everything; the rest must be fetched from the take. */
  truncated = false;
  private first: number | null = null;
  private needed = PREBUFFER;
  private holding = true;
  private cursor = 0;
  private readonly blocks = new Map<number, Int16Array>();

  constructor(private readonly mostBlocks = MOST_BLOCKS) {}

  /** First sample received: after a reload of the page, the beginning is missing. */
  get start(): number {
    return this.first ?? 0;
  }

  /** Samples buffered before playback starts or resumes. */
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

  /** Continue an ended stream: the connection was only interrupted. */
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

  /** Samples for drawing, with silence where there are none. */
  peek(at: number, count: number): Float32Array {
    const parts: Float32Array[] = [];
    for (let done = 0; done < count; done += parts.at(-1)!.length) parts.push(this.piece(at + done, count - done));
    return join(parts);
  }

  /** Buffer for a listener that starts at `at`. */
  prefetch(at: number): void {
    this.cursor = at;
    this.holding = true;
  }

  starved(): void {
    this.holding = true;
    this.needed = Math.min(2 * this.needed, LONGEST_PREBUFFER);
  }

  /** At most `count` samples, to the end of the block; silence if it was dropped. */
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

/** Start of a turn within a stream. */
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

/** Number of chunks whose latency is kept. */
const KEPT_LATENCIES = 2000;

/** Receiver of the streams of a channel. */
export class Live {
  stream: LiveStream | null = null;
  /** Milliseconds from a frame's generation in the kernel to its arrival here, for the latest chunks. */
  readonly latencies: number[] = [];
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;

  constructor(channel: Channel, events: LiveEvents) {
    this.disposers.add(
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
    );
  }

  private open(id: string): LiveStream {
    return (this.stream = new LiveStream(id));
  }

  /** The current stream; after a reload of the page, its first message may be missing. */
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
