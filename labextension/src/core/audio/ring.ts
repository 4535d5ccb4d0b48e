/**
 * Ring buffer of samples to play, with a count of those played.
 *
 * This class also runs inside the audio worklet, which is built from its text (see worklet.ts), so it must not
 * refer to anything outside itself.
 */
export class RingBuffer {
  /** Samples buffered. */
  queued = 0;
  /** Samples played since the last `clear`, not counting silence. */
  played = 0;
  /** Number of underruns. */
  underruns = 0;
  private readonly data: Float32Array;
  private readonly fade: number;
  private tail: Float32Array;
  private start = 0;
  private dry = true;
  private ended = false;

  /** @param capacity samples held; @param fade samples of fade at a cut, so that it does not click. */
  constructor(capacity: number, fade = 128) {
    this.data = new Float32Array(capacity);
    this.fade = fade;
    this.tail = new Float32Array(0);
  }

  /** Write as many of `samples` as fit; return their number. */
  write(samples: Float32Array): number {
    const count = Math.min(samples.length, this.data.length - this.queued);
    const at = (this.start + this.queued) % this.data.length;
    const first = Math.min(count, this.data.length - at);
    this.data.set(samples.subarray(0, first), at);
    this.data.set(samples.subarray(first, count), 0);
    this.queued += count;
    return count;
  }

  /** Mark the end: running dry after this is not an underrun. */
  end(): void {
    this.ended = true;
  }

  /** Fill `out` with buffered samples, then with silence. */
  read(out: Float32Array): void {
    const count = Math.min(out.length, this.queued);
    const first = Math.min(count, this.data.length - this.start);
    out.set(this.data.subarray(this.start, this.start + first));
    out.set(this.data.subarray(0, count - first), first);
    out.fill(0, count);
    this.start = (this.start + count) % this.data.length;
    this.queued -= count;
    this.played += count;
    this.soften(out, count);
    for (let i = 0; i < Math.min(this.tail.length, out.length); i++) out[i]! += this.tail[i]!;
    this.tail = this.tail.slice(out.length);
  }

  /** Drop the buffered samples, except for a short fade-out, and restart the count. */
  clear(): void {
    const tail = new Float32Array(Math.min(this.fade, this.queued));
    for (let i = 0; i < tail.length; i++) {
      tail[i] = this.data[(this.start + i) % this.data.length]! * (1 - (i + 1) / tail.length);
    }
    this.tail = tail;
    this.queued = this.played = 0;
    this.dry = true;
    this.ended = false;
  }

  /** Fade in after silence, and out where the samples end. */
  private soften(out: Float32Array, count: number): void {
    const ramp = Math.min(this.fade, count);
    if (this.dry && count > 0) {
      for (let i = 0; i < ramp; i++) out[i]! *= (i + 1) / ramp;
      this.dry = false;
    }
    if (this.dry || count === out.length) return;
    this.dry = true;
    if (this.ended) return;
    this.underruns++;
    for (let i = 0; i < ramp; i++) out[count - 1 - i]! *= i / ramp;
  }
}
