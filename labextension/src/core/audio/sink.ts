/** Audio sinks of a browser: a worklet, or scheduled buffers. */

import { createWorklet, type WorkletCommand, type WorkletReport } from './worklet';

/** Destination of samples at the context's rate. */
export interface Sink {
  readonly kind: 'worklet' | 'scheduled';
  readonly node: AudioNode;
  /** Samples played since `clear`, and the number of underruns. */
  readonly played: number;
  readonly written: number;
  readonly underruns: number;
  write(samples: Float32Array<ArrayBuffer>): void;
  /** Mark the end of the samples. */
  end(): void;
  /** Stop at once and restart the count. */
  clear(): void;
  close(): void;
}

/** Capacity of the worklet in seconds; the output never buffers more. */
const CAPACITY_SECONDS = 4;

export class WorkletSink implements Sink {
  readonly kind = 'worklet';
  written = 0;
  underruns = 0;
  private epoch = 0;
  private heard = 0;
  private heardAt = 0;

  static async open(context: AudioContext, tick: () => void): Promise<WorkletSink> {
    const node = await createWorklet(context, Math.ceil(CAPACITY_SECONDS * context.sampleRate));
    return new WorkletSink(context, node, tick);
  }

  private constructor(
    private readonly context: AudioContext,
    readonly node: AudioWorkletNode,
    tick: () => void,
  ) {
    node.port.onmessage = ({ data }: MessageEvent<WorkletReport>) => {
      if (data.epoch !== this.epoch) return;
      this.heard = data.played;
      this.heardAt = data.time;
      this.underruns = data.underruns;
      tick();
    };
  }

  /** Between two reports, the context's clock gives the position. */
  get played(): number {
    const since = Math.max(0, this.context.currentTime - this.heardAt) * this.context.sampleRate;
    return this.heard === 0 ? 0 : Math.min(this.written, this.heard + since);
  }

  write(samples: Float32Array<ArrayBuffer>): void {
    this.written += samples.length;
    this.send({ kind: 'write', samples }, [samples.buffer]);
  }

  end(): void {
    this.send({ kind: 'end' });
  }

  clear(): void {
    this.written = this.heard = 0;
    this.send({ kind: 'clear', epoch: ++this.epoch });
  }

  close(): void {
    this.send({ kind: 'close' });
    this.node.disconnect();
  }

  private send(command: WorkletCommand, transfer: Transferable[] = []): void {
    this.node.port.postMessage(command, transfer);
  }
}

/** Lead of the first scheduled buffer over the clock, and the fade at a cut, in seconds. */
const LEAD = 0.02;
const FADE = 0.005;
const TICK_MS = 20;

interface Scheduled {
  source: AudioBufferSourceNode;
  at: number;
  samples: number;
}

/** Sink for pages whose content policy forbids a worklet built from text. */
export class ScheduledSink implements Sink {
  readonly kind = 'scheduled';
  readonly node: GainNode;
  written = 0;
  underruns = 0;
  private waiting: Scheduled[] = [];
  private done = 0;
  private next = 0;
  private ended = false;
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(
    private readonly context: AudioContext,
    tick: () => void,
  ) {
    this.node = context.createGain();
    this.timer = setInterval(() => {
      this.settle();
      tick();
    }, TICK_MS);
  }

  get played(): number {
    const now = this.context.currentTime;
    return this.waiting.reduce((sum, { at, samples }) => {
      const heard = Math.round((now - at) * this.context.sampleRate);
      return sum + Math.min(samples, Math.max(0, heard));
    }, this.done);
  }

  write(samples: Float32Array<ArrayBuffer>): void {
    const { currentTime, sampleRate } = this.context;
    if (this.next < currentTime) {
      if (this.written > 0 && !this.ended) this.underruns++;
      this.next = currentTime + LEAD;
    }
    const buffer = this.context.createBuffer(1, samples.length, sampleRate);
    buffer.copyToChannel(samples, 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.node);
    source.start(this.next);
    this.waiting.push({ source, at: this.next, samples: samples.length });
    this.next += samples.length / sampleRate;
    this.written += samples.length;
  }

  end(): void {
    this.ended = true;
  }

  clear(): void {
    const now = this.context.currentTime;
    const { gain } = this.node;
    gain.cancelScheduledValues(now);
    gain.setValueAtTime(1, now);
    gain.linearRampToValueAtTime(0, now + FADE);
    gain.setValueAtTime(1, now + FADE);
    for (const { source } of this.waiting) source.stop(now + FADE);
    this.waiting = [];
    this.written = this.done = 0;
    this.next = now + FADE;
    this.ended = false;
  }

  close(): void {
    clearInterval(this.timer);
    this.clear();
    this.node.disconnect();
  }

  private settle(): void {
    const { currentTime, sampleRate } = this.context;
    while (this.waiting[0] && this.waiting[0].at + this.waiting[0].samples / sampleRate <= currentTime) {
      this.done += this.waiting.shift()!.samples;
    }
  }
}
