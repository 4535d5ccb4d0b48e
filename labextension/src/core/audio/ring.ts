/**
 * The samples waiting to be heard, and the account of those that were.
 *
 * This class also runs inside the audio worklet, where it arrives as text (see worklet.ts), so it must not
 * refer to anything outside itself.
 */
export class RingBuffer {
  /** Samples waiting. */
  queued = 0;
  /** Samples heard since the last `clear`; silence filled in is not counted. */
  played = 0;
  /** How often the buffer ran dry before its end. */
  underruns = 0;
  private readonly data: Float32Array;
  private readonly fade: number;
  private tail: Float32Array;
  private start = 0;
  private dry = true;
  private ended = false;

  /** @param capacity samples held; @param fade samples over which a cut is faded, so that it makes no click. */
  constructor(capacity: number, fade = 128) {
    this.data = new Float32Array(capacity);
    this.fade = fade;
    this.tail = new Float32Array(0);
  }

  /** Take as many of `samples` as there is room for; returns how many. */
  write(samples: Float32Array): number {
    const count = Math.min(samples.length, this.data.length - this.queued);
    const at = (this.start + this.queued) % this.data.length;
    const first = Math.min(count, this.data.length - at);
    this.data.set(samples.subarray(0, first), at);
    this.data.set(samples.subarray(first, count), 0);
    this.queued += count;
    return count;
  }

  /** No more will come: running dry from now on is the end, not an underrun. */
  end(): void {
    this.ended = true;
  }

  /** Fill `out` with what is waiting, then with silence. */
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

  /** Forget what waits, but for a few samples faded out, and start the account again. */
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

  /** Fade in after silence, and out where the samples stop short. */
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
