/** Overview: the whole source in one strip, and the position slider. */

import { SAMPLE_RATE } from '../audio/resample';
import { t } from '../strings';
import { h } from '../ui/dom';
import { drawWave, prepare, type TurnColors } from './draw';
import { spoken } from './model';
import type { PeakSource } from './peaks';
import type { Playback } from './playback';
import { View } from './view';

const HEIGHT = 40;

export class Overview {
  readonly element: HTMLElement;
  private readonly canvas = h('canvas', { 'aria-hidden': 'true' });
  private readonly window = h('i', { class: 'vvnb-deck-window' });
  private readonly head = h('i', { class: 'vvnb-deck-head' });
  private readonly view = new View();
  private width = 1;
  private saidAt = -1;

  constructor(private readonly playback: Playback) {
    this.element = h(
      'div',
      {
        class: 'vvnb-deck-overview',
        role: 'slider',
        tabindex: 0,
        'aria-label': t('player.position'),
        'aria-valuemin': 0,
      },
      this.canvas,
      this.window,
      this.head,
    );
    const seek = (event: PointerEvent): void => {
      const x = event.clientX - this.element.getBoundingClientRect().left;
      playback.goTo(this.view.sampleAt(x));
    };
    this.element.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      this.element.setPointerCapture(event.pointerId);
      seek(event);
    });
    this.element.addEventListener('pointermove', (event) => {
      if (this.element.hasPointerCapture(event.pointerId)) seek(event);
    });
  }

  measure(): void {
    this.width = this.element.clientWidth;
  }

  resize(): void {
    this.view.resize(this.width, this.playback.length);
    this.view.fit();
  }

  draw(peaks: PeakSource | null, colors: TurnColors, stale: ReadonlySet<string>, loudest: number): void {
    const { playback, view } = this;
    const context = prepare(this.canvas, this.width, HEIGHT);
    const style = { colors, turns: playback.turns, stale, loudest, tinted: false };
    if (peaks && playback.length) drawWave(context, peaks, view, style, { width: this.width, top: 0, height: HEIGHT });
  }

  /** Largest known sample of the source. */
  loudest(peaks: PeakSource, levelOf: (perPixel: number) => number): number {
    const level = levelOf(this.view.perPixel / (window.devicePixelRatio || 1));
    const count = Math.ceil(this.playback.length / 2 ** level);
    const values = new Int16Array(2 * count);
    peaks.fill(level, 0, count, values);
    return values.reduce((loudest, value) => Math.max(loudest, Math.abs(value)), 0);
  }

  /** Show the playhead, and the range that the waveform view shows. */
  mark(position: number, shown: View): void {
    this.head.style.transform = `translateX(${this.view.xOf(position).toFixed(2)}px)`;
    const [left, right] = [this.view.xOf(shown.start), Math.min(this.width, this.view.xOf(shown.stop))];
    this.window.hidden = shown.whole;
    this.window.style.left = `${left}px`;
    this.window.style.width = `${Math.max(4, right - left)}px`;
    this.say(position);
  }

  private say(position: number): void {
    const { length, turns } = this.playback;
    const second = Math.floor(position / SAMPLE_RATE);
    const now = second + 1e6 * length;
    if (now === this.saidAt) return;
    this.saidAt = now;
    this.element.setAttribute('aria-valuemax', String(Math.round(length / SAMPLE_RATE)));
    this.element.setAttribute('aria-valuenow', String(second));
    this.element.setAttribute('aria-valuetext', spoken(position, turns));
  }
}
