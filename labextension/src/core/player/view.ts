/** View: the visible range of a source; zooming, panning and following. */

import { SAMPLE_RATE } from '../audio/resample';

/** Smallest visible range in samples: 50 ms. */
const CLOSEST = 0.05 * SAMPLE_RATE;
/** Fractions of the view at which it pages while following the playhead, and where the playhead then is. */
const PAGE_END = 0.95;
const PAGE_START = 0.05;

export class View {
  /** First visible sample. */
  start = 0;
  /** Samples per CSS pixel. */
  perPixel = 1;
  private fitted = true;
  /** Visible range in samples that is kept while the source grows. */
  private span: number | null = null;

  constructor(
    private width = 1,
    private length = 0,
  ) {}

  get stop(): number {
    return this.start + this.width * this.perPixel;
  }

  /** The whole source is visible. */
  get whole(): boolean {
    return this.fitted;
  }

  /** Adapt to another size of page or source; a fitted view stays fitted. */
  resize(width: number, length: number): void {
    const lengthened = length !== this.length;
    this.width = Math.max(1, width);
    this.length = length;
    if (this.span !== null) {
      this.perPixel = this.span / this.width; // a hidden view has no width yet
      return;
    }
    if (this.fitted || lengthened) this.perPixel = Math.min(this.perPixel, this.widest);
    if (this.fitted) this.perPixel = this.widest;
    this.place(this.start);
  }

  /** Show a range of fixed length from the start on, for audio that is still being generated. */
  fix(samples: number): void {
    this.span = samples;
    this.perPixel = samples / this.width;
    this.start = 0;
    this.fitted = false;
  }

  fit(): void {
    this.span = null;
    this.perPixel = this.widest;
    this.place(0);
  }

  /** Show `factor` times as much, keeping the sample at `x` in place. */
  zoom(factor: number, x = this.width / 2): void {
    this.span = null;
    const anchor = this.sampleAt(x);
    const closest = Math.min(this.widest, CLOSEST / this.width);
    this.perPixel = Math.min(this.widest, Math.max(closest, this.perPixel * factor));
    this.place(anchor - x * this.perPixel);
  }

  pan(pixels: number): void {
    this.place(this.start + pixels * this.perPixel);
  }

  /** Page when the playhead leaves the view; return true if it did. */
  follow(sample: number): boolean {
    const part = this.xOf(sample) / this.width;
    if (this.fitted || (part >= 0 && part < PAGE_END)) return false;
    const before = this.start;
    this.place(sample - PAGE_START * this.width * this.perPixel);
    return this.start !== before;
  }

  /** Scroll a sample into view. */
  reveal(sample: number): void {
    const x = this.xOf(sample);
    if (x < 0 || x > this.width) this.place(sample - 0.5 * this.width * this.perPixel);
  }

  xOf(sample: number): number {
    return (sample - this.start) / this.perPixel;
  }

  sampleAt(x: number): number {
    return this.start + x * this.perPixel;
  }

  private get widest(): number {
    return Math.max(CLOSEST, this.length) / this.width;
  }

  private place(start: number): void {
    // Audio that is still being generated has no end yet: a page may begin at its last sample.
    const last = this.span !== null ? this.length : Math.max(0, this.length - this.width * this.perPixel);
    this.start = Math.max(0, Math.min(start, last));
    this.fitted = this.span === null && this.perPixel >= this.widest * (1 - 1e-9);
  }
}
