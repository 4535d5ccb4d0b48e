/** Player of one short source at a time, for voices and lines where there is no timeline. */

import { bufferOf } from './pcm';

/** Returns the audio of a source, float32 at 24 kHz. */
export type FetchAudio = (source: string) => Promise<Float32Array<ArrayBuffer>>;

export class SourcePlayer {
  /** Source being fetched or played; empty if none. */
  source = '';
  private context: AudioContext | null = null;
  private node: AudioBufferSourceNode | null = null;
  private began = 0;
  private run = 0;

  constructor(
    private readonly fetch: FetchAudio,
    private readonly onchange: () => void,
  ) {}

  /** Position and length in seconds; null while nothing is played. */
  get position(): readonly [at: number, length: number] | null {
    const length = this.node?.buffer?.duration;
    return this.context && length ? [this.context.currentTime - this.began, length] : null;
  }

  /** Stop what is played, and play a source; call it within a user action, or the browser blocks the sound. */
  async play(source: string): Promise<void> {
    this.stop();
    const mine = this.run;
    this.context ??= new AudioContext();
    const context = this.context;
    void context.resume();
    this.source = source;
    this.onchange();
    try {
      const audio = await this.fetch(source);
      if (mine !== this.run) return;
      this.node = context.createBufferSource();
      this.node.buffer = bufferOf(context, audio);
      this.node.connect(context.destination);
      this.node.onended = () => mine === this.run && this.stop();
      this.node.start();
      this.began = context.currentTime;
      this.onchange();
    } catch (error) {
      if (mine !== this.run) return;
      this.stop();
      throw error;
    }
  }

  stop(): void {
    this.run += 1;
    this.node?.stop();
    this.node?.disconnect();
    this.node = null;
    if (!this.source) return;
    this.source = '';
    this.onchange();
  }

  readonly dispose = (): void => {
    this.stop();
    void this.context?.close();
    this.context = null;
  };
}
