/** Samples at 24 kHz, played by the browser, with an exact account of which have been heard. */

import { Resampler, SAMPLE_RATE } from './resample';
import { ScheduledSink, WorkletSink, type Sink } from './sink';

/** Where the output takes its samples from. */
export interface Feed {
  /** The next samples, at most `count`: none while they are on their way, null at the end. */
  pull(count: number): Float32Array | null;
  /** The output ran dry before the end. */
  starved(): void;
  /** The last sample was heard. */
  finished(): void;
}

export interface OutputOptions {
  /** Take the way without a worklet even where there is one. */
  scheduled?: boolean;
  /** Called about fifty times a second while the context runs. */
  ontick?: () => void;
}

/** Seconds kept waiting: a page busy drawing for so long makes no gap. */
const AHEAD_SECONDS = 1;
const BLOCK = Math.round(0.1 * SAMPLE_RATE);
/** Time constant of a change of volume, seconds. */
const SMOOTH = 0.015;

export class Output {
  /** Runs dry before the end, in all. */
  underruns = 0;
  private sink: Sink | null = null;
  private feed: Feed | null = null;
  private resampler: Resampler | null = null;
  private ended = false;
  private readonly gain: GainNode;

  /**
   * Call this within a click or a key press, or the browser won't let the context start. The context asks for
   * our own rate, so that nothing is resampled where the browser can do that.
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

  /** The last node before the loudspeakers, to listen in. */
  get node(): AudioNode {
    return this.gain;
  }

  get kind(): Sink['kind'] | 'none' {
    return this.sink?.kind ?? 'none';
  }

  /** The browser is still waiting for a click. */
  get blocked(): boolean {
    return this.context.state !== 'running';
  }

  /** Samples of the present feed that have reached the ear, at 24 kHz. */
  get heard(): number {
    if (!this.sink) return 0;
    const { sampleRate, outputLatency } = this.context;
    const late = this.done ? 0 : (outputLatency || 0) * sampleRate;
    return Math.max(0, (this.sink.played - late) * (SAMPLE_RATE / sampleRate));
  }

  /** Samples handed over that haven't been played yet, at 24 kHz. */
  get waiting(): number {
    return this.sink ? (this.sink.written - this.sink.played) * (SAMPLE_RATE / this.context.sampleRate) : 0;
  }

  get volume(): number {
    return this.gain.gain.value;
  }

  set volume(value: number) {
    this.gain.gain.setTargetAtTime(value, this.context.currentTime, SMOOTH);
  }

  /** Play a feed from its beginning, in place of what plays now. */
  play(feed: Feed): void {
    this.stop();
    this.feed = feed;
    void this.context.resume();
    this.pump();
  }

  /** Fall silent at once. */
  stop(): void {
    this.feed = null;
    this.ended = false;
    const { sampleRate } = this.context;
    this.resampler = sampleRate === SAMPLE_RATE ? null : new Resampler(SAMPLE_RATE, sampleRate);
    this.sink?.clear();
  }

  /** Ask the feed for what is missing; call this when its samples have come. */
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
