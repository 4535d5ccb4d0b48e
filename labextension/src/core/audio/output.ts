/** Audio output at 24 kHz, with an exact count of the samples played. */

import { Resampler, SAMPLE_RATE } from './resample';
import { ScheduledSink, WorkletSink, type Sink } from './sink';

/** Source of the output's samples. */
export interface Feed {
  /** Return at most `count` next samples: none while they are on their way, null at the end. */
  pull(count: number): Float32Array | null;
  /** Called when the output runs dry before the end. */
  starved(): void;
  /** Called when the last sample has been played. */
  finished(): void;
}

export interface OutputOptions {
  /** Use scheduled buffers even if worklets are available. */
  scheduled?: boolean;
  /** Called about fifty times a second while the context runs. */
  ontick?: () => void;
}

/** Seconds buffered ahead: a page may be busy drawing for that long without a gap. */
const AHEAD_SECONDS = 1;
const BLOCK = Math.round(0.1 * SAMPLE_RATE);
/** Time constant of a change of volume, seconds. */
const SMOOTH = 0.015;

export class Output {
  /** Number of underruns so far. */
  underruns = 0;
  private sink: Sink | null = null;
  private feed: Feed | null = null;
  private resampler: Resampler | null = null;
  private ended = false;
  private readonly gain: GainNode;

  /**
   * Open an output; call this within a click or a key press, or the browser does not start the context. The context
   * is requested at our own rate, so that nothing is resampled if the browser supports it.
   */
  static async open(options: OutputOptions = {}): Promise<Output> {
    const output = new Output(newContext(), options.ontick ?? (() => undefined));
    void output.context.resume();
    await output.connect(options.scheduled ?? false);
    return output;
  }

  private constructor(
    readonly context: AudioContext,
    private readonly ontick: () => void,
  ) {
    this.gain = context.createGain();
    this.gain.connect(context.destination);
  }

  /** The last node before the destination, for tests. */
  get node(): AudioNode {
    return this.gain;
  }

  get kind(): Sink['kind'] | 'none' {
    return this.sink?.kind ?? 'none';
  }

  /** The browser has not allowed audio yet. */
  get blocked(): boolean {
    return this.context.state !== 'running';
  }

  /** Samples of the current feed that have been played, at 24 kHz, with the output's latency subtracted. */
  get heard(): number {
    if (!this.sink) return 0;
    const { sampleRate, outputLatency } = this.context;
    const late = this.done ? 0 : (outputLatency || 0) * sampleRate;
    return Math.max(0, (this.sink.played - late) * (SAMPLE_RATE / sampleRate));
  }

  /** Samples buffered but not played yet, at 24 kHz. */
  get waiting(): number {
    return this.sink ? (this.sink.written - this.sink.played) * (SAMPLE_RATE / this.context.sampleRate) : 0;
  }

  get volume(): number {
    return this.gain.gain.value;
  }

  set volume(value: number) {
    this.gain.gain.setTargetAtTime(value, this.context.currentTime, SMOOTH);
  }

  /** Play a feed from its beginning, replacing the current one. */
  play(feed: Feed): void {
    this.stop();
    this.feed = feed;
    void this.context.resume();
    this.pump();
  }

  /** Stop at once. */
  stop(): void {
    this.feed = null;
    this.ended = false;
    const { sampleRate } = this.context;
    this.resampler = sampleRate === SAMPLE_RATE ? null : new Resampler(SAMPLE_RATE, sampleRate);
    this.sink?.clear();
  }

  /** Fill the buffer from the feed; call this when its samples have arrived. */
  pump(): void {
    if (!this.sink) return;
    while (this.feed && !this.ended && this.waiting < AHEAD_SECONDS * SAMPLE_RATE) {
      const block = this.feed.pull(BLOCK);
      if (block === null) this.finish();
      else if (block.length === 0) return;
      else this.write(this.resampler?.push(block) ?? block);
    }
  }

  async close(): Promise<void> {
    this.stop();
    this.sink?.close();
    if (this.context.state !== 'closed') await this.context.close();
  }

  private get done(): boolean {
    return this.ended && this.sink !== null && this.sink.played >= this.sink.written;
  }

  private async connect(scheduled: boolean): Promise<void> {
    const tick = (): void => this.tick();
    try {
      if (scheduled) throw new Error('asked for');
      this.sink = await WorkletSink.open(this.context, tick);
    } catch {
      this.sink = new ScheduledSink(this.context, tick);
    }
    this.sink.node.connect(this.gain);
    this.pump();
  }

  private write(samples: Float32Array): void {
    if (samples.length) this.sink!.write(samples.slice());
  }

  private finish(): void {
    if (this.resampler) this.write(this.resampler.flush());
    this.ended = true;
    this.sink!.end();
  }

  private tick(): void {
    const { feed, sink } = this;
    if (feed && sink && sink.underruns > this.underruns) {
      this.underruns = sink.underruns;
      feed.starved();
    }
    this.pump();
    this.ontick();
    if (feed && feed === this.feed && this.done) {
      this.feed = null;
      feed.finished();
    }
  }
}

function newContext(): AudioContext {
  try {
    return new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: 'interactive' });
  } catch {
    return new AudioContext({ latencyHint: 'interactive' });
  }
}
