/** A/B player: two takes in sync, one audible; switching keeps the position and fades to avoid a click. */

import { bufferOf } from '../ui/pcm';

const FADE_SECONDS = 0.012;

export class ABPlayer {
  private readonly gains: [GainNode, GainNode];
  private sources: AudioBufferSourceNode[] = [];
  private readonly buffers: [AudioBuffer, AudioBuffer];
  private startedAt = 0;
  private offset = 0;
  private run = 0;
  /** Index of the audible take. */
  active: 0 | 1 = 0;
  playing = false;

  constructor(
    private readonly context: AudioContext,
    audio: readonly [Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>],
    private readonly onchange: () => void,
  ) {
    this.buffers = [bufferOf(context, audio[0]), bufferOf(context, audio[1])];
    this.gains = [context.createGain(), context.createGain()];
    for (const gain of this.gains) gain.connect(context.destination);
  }

  get seconds(): number {
    return Math.max(this.buffers[0].duration, this.buffers[1].duration);
  }

  get position(): number {
    return Math.min(this.seconds, this.playing ? this.offset + this.context.currentTime - this.startedAt : this.offset);
  }

  play(): void {
    if (this.playing) return;
    void this.context.resume();
    if (this.offset >= this.seconds - 0.05) this.offset = 0;
    const run = (this.run += 1);
    this.startedAt = this.context.currentTime;
    this.playing = true;
    let running = 0;
    this.sources = this.buffers.flatMap((buffer, index) => {
      if (this.offset >= buffer.duration) return [];
      const source = this.context.createBufferSource();
      source.buffer = buffer;
      source.connect(this.gains[index]!);
      source.start(0, this.offset);
      running += 1;
      source.onended = () => {
        running -= 1;
        if (running === 0 && run === this.run) this.halt(0);
      };
      return [source];
    });
    this.switchTo(this.active);
  }

  pause(): void {
    if (this.playing) this.halt(this.position);
  }

  seek(seconds: number): void {
    const wasPlaying = this.playing;
    this.halt(Math.min(Math.max(0, seconds), this.seconds));
    if (wasPlaying) this.play();
  }

  switchTo(which: 0 | 1): void {
    this.active = which;
    const now = this.context.currentTime;
    this.gains.forEach((gain, index) => {
      gain.gain.cancelScheduledValues(now);
      gain.gain.setTargetAtTime(index === which ? 1 : 0, now, FADE_SECONDS / 3);
    });
    this.onchange();
  }

  dispose(): void {
    this.halt(0);
    for (const gain of this.gains) gain.disconnect();
  }

  private halt(offset: number): void {
    this.run += 1;
    this.playing = false;
    this.offset = offset;
    for (const source of this.sources) {
      source.onended = null;
      source.stop();
      source.disconnect();
    }
    this.sources = [];
    this.onchange();
  }
}
