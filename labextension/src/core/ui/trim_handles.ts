/** Waveform of a recording with two handles for its start and end, by pointer and keyboard. */

import { h } from './dom';
import type { Host } from '../host/host';
import { Disposers } from './disposers';
import { SAMPLE_RATE, span } from './format';
import { waveform, type Waveform } from './waveform';

/** Samples `[start, stop)`. */
export type TrimRange = readonly [start: number, stop: number];

export interface TrimHandlesOptions {
  /** Names of the handles for screen readers, and their tooltips. */
  labels: readonly [start: string, stop: string];
  hints: readonly [start: string, stop: string];
  /** Least samples between the handles. */
  least: number;
  /** Seconds that an arrow key moves a handle; ten times as many with Shift. */
  step: number;
  /** Decimals of the times that are read out. */
  digits: number;
  onmove: (range: TrimRange) => void;
}

const EDGES = ['start', 'stop'] as const;

export class TrimHandles {
  readonly element: HTMLElement;
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  private samples = 0;
  private chosen: TrimRange = [0, 0];
  private audio = '';
  private readonly wave: Waveform;
  private readonly shades = EDGES.map(() => h('div', { class: 'vvnb-trim-shade' }));
  private readonly handles: readonly HTMLButtonElement[];

  constructor(
    host: Host,
    private readonly options: TrimHandlesOptions,
  ) {
    this.wave = this.disposers.child(waveform(host, '--speaker-ink', 400));
    this.handles = EDGES.map((_, edge) => this.handle(edge as 0 | 1));
    this.element = h('div', { class: 'vvnb-trim' }, this.wave.element, ...this.shades, ...this.handles);
  }

  get range(): TrimRange {
    return this.chosen;
  }

  /** A handle is being dragged. */
  get dragging(): boolean {
    return this.handles.some((handle) => handle.dataset['held'] !== undefined);
  }

  /** Show a source and the range chosen in it; `version` differs if its audio does. */
  show(source: string, samples: number, range: TrimRange, fixed: boolean, version = ''): void {
    this.element.toggleAttribute('data-fixed', fixed);
    const audio = `${source} ${samples} ${version}`;
    if (audio === this.audio) this.wave.redraw();
    else this.wave.show(source, samples);
    this.audio = audio;
    this.samples = samples;
    this.chosen = range;
    this.draw();
  }

  private handle(at: 0 | 1): HTMLButtonElement {
    const handle = h('button', {
      type: 'button',
      role: 'slider',
      class: 'vvnb-trim-handle',
      'data-edge': EDGES[at],
      'aria-label': this.options.labels[at],
      title: this.options.hints[at],
    });
    this.disposers.listen(handle, 'pointerdown', (event) => {
      event.preventDefault();
      handle.focus();
      handle.setPointerCapture(event.pointerId);
      handle.dataset['held'] = '';
    });
    this.disposers.listen(handle, 'pointermove', (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const box = this.element.getBoundingClientRect();
      this.move(at, ((event.clientX - box.left) / box.width) * this.samples);
    });
    this.disposers.listen(handle, 'lostpointercapture', () => delete handle.dataset['held']);
    this.disposers.listen(handle, 'keydown', (event) => {
      const step = SAMPLE_RATE * this.options.step * (event.shiftKey ? 10 : 1);
      const from = this.chosen[at];
      const to = { ArrowLeft: from - step, ArrowRight: from + step, Home: 0, End: this.samples }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      this.move(at, to);
    });
    return handle;
  }

  private move(at: 0 | 1, to: number): void {
    const least = Math.min(this.options.least, this.samples);
    const [start, stop] = this.chosen;
    if (at === 0) this.chosen = [Math.round(Math.min(Math.max(0, to), stop - least)), stop];
    else this.chosen = [start, Math.round(Math.max(Math.min(this.samples, to), start + least))];
    this.draw();
    this.options.onmove(this.chosen);
  }

  private draw(): void {
    const { samples, chosen } = this;
    const { digits } = this.options;
    const percent = (value: number): string => `${samples ? (100 * value) / samples : 0}%`;
    this.shades[0]!.style.width = percent(chosen[0]);
    this.shades[1]!.style.width = percent(samples - chosen[1]);
    this.handles.forEach((handle, at) => {
      const seconds = chosen[at as 0 | 1] / SAMPLE_RATE;
      handle.style.insetInlineStart = percent(chosen[at as 0 | 1]);
      handle.setAttribute('aria-valuemin', '0');
      handle.setAttribute('aria-valuemax', (samples / SAMPLE_RATE).toFixed(digits));
      handle.setAttribute('aria-valuenow', seconds.toFixed(digits));
      handle.setAttribute('aria-valuetext', span(seconds, digits));
    });
  }
}
