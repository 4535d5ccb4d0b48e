/**
 * Waveform view: ruler, turns, waveform, spectrogram, playhead and selection of the visible range.
 *
 * It draws peaks measured in the kernel; waveform libraries need the whole file in the page.
 */

import { t } from '../strings';
import { h } from '../ui/dom';
import { drawFrequencies, drawRuler, drawWave, prepare, type TurnColors } from './draw';
import { turnAt } from './model';
import type { PeakSource } from './peaks';
import { MARKS, heightOf, type SpectrogramTiles } from './spectrogram_tiles';
import { TurnLane } from './turn_lane';
import type { Playback } from './playback';
import type { View } from './view';

const RULER = 22;
const WAVE = 116;
export const SPECTRUM = 150;
/** Pointer movement below which a press is a click, pixels. */
const SLACK = 4;
const ZOOM_PER_WHEEL_PIXEL = 0.004;

export class WaveformView {
  readonly element: HTMLElement;
  width = 0;
  private readonly lane: TurnLane;
  private readonly ruler = h('canvas', { class: 'vvnb-deck-ruler', 'aria-hidden': 'true' });
  private readonly wave = h('canvas', { class: 'vvnb-deck-wave', role: 'img' });
  private readonly spectrum = h('canvas', {
    class: 'vvnb-deck-spectrum',
    role: 'img',
    'aria-label': t('player.spectrogram_range'),
  });
  private readonly head = h('i', { class: 'vvnb-deck-head' });
  private readonly selection = h('i', { class: 'vvnb-deck-selection', hidden: true });
  private readonly hover = h('i', { class: 'vvnb-deck-hover', hidden: true });
  private current: string | undefined;
  private drag: { x: number; id: number; selecting: boolean } | null = null;

  constructor(
    private readonly playback: Playback,
    private readonly view: View,
    private readonly onmove: () => void,
  ) {
    this.lane = new TurnLane((turn) => playback.seek(turn.start));
    const area = h('div', { class: 'vvnb-deck-area' }, this.wave, this.spectrum, this.selection);
    this.element = h(
      'div',
      { class: 'vvnb-deck-waveform-view' },
      this.ruler,
      this.lane.element,
      area,
      this.hover,
      this.head,
    );
    this.listen(area);
    this.listenScrub();
    this.element.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
  }

  /** Measure the width. Not while painting: that would force a layout per frame. */
  measure(): void {
    this.width = this.element.clientWidth;
  }

  draw(peaks: PeakSource | null, spectrogram: SpectrogramTiles | null, colors: TurnColors, loudest: number): void {
    const { playback, view, width } = this;
    const { palette } = colors;
    drawRuler(prepare(this.ruler, width, RULER), view, palette, width, RULER);
    const context = prepare(this.wave, width, WAVE);
    context.fillStyle = palette.line;
    context.fillRect(0, WAVE / 2, width, 1);
    const style = { colors, turns: playback.turns, loudest, tinted: true };
    if (peaks && playback.length) drawWave(context, peaks, view, style, { width, top: 0, height: WAVE });
    this.wave.setAttribute(
      'aria-label',
      playback.summary ? t('player.waveform', { name: playback.summary.name }) : t('player.waveform_empty'),
    );
    this.spectrum.hidden = !spectrogram;
    if (spectrogram) {
      const picture = prepare(this.spectrum, width, SPECTRUM);
      spectrogram.draw(picture, view, palette, width, SPECTRUM);
      const { scale } = spectrogram;
      const marks = MARKS[scale].map((hertz) => ({ hertz, y: SPECTRUM * (1 - heightOf(hertz, scale)) }));
      drawFrequencies(picture, marks, palette);
    }
  }

  /** Update playhead, current turn and selection without redrawing; `moved` if the view or the turns changed. */
  mark(position: number, colors: TurnColors, moved: boolean): void {
    const { playback, view, width } = this;
    const x = view.xOf(position);
    this.head.hidden = x < -1 || x > width + 1 || playback.length === 0;
    this.head.style.transform = `translateX(${Math.min(width - 1, x).toFixed(2)}px)`;
    const current = turnAt(playback.turns, position);
    if (moved || current?.turn !== this.current) this.lane.update(playback.turns, view, width, current, colors);
    this.current = current?.turn;
    const { loop } = playback;
    if (!this.drag?.selecting) this.select(loop && [view.xOf(loop.start), view.xOf(loop.stop)]);
  }

  private select(between: readonly [number, number] | null): void {
    this.selection.hidden = !between;
    if (!between) return;
    const left = Math.max(-2, Math.min(...between));
    const right = Math.min(this.width + 2, Math.max(...between));
    this.selection.style.left = `${left}px`;
    this.selection.style.width = `${Math.max(0, right - left)}px`;
  }

  private listen(area: HTMLElement): void {
    area.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      area.setPointerCapture(event.pointerId);
      this.drag = { x: this.xOf(event), id: event.pointerId, selecting: false };
    });
    area.addEventListener('pointermove', (event) => {
      const x = this.xOf(event);
      this.hover.hidden = event.pointerType === 'touch';
      this.hover.style.transform = `translateX(${x}px)`;
      if (!this.drag) return;
      if (Math.abs(x - this.drag.x) > SLACK) this.drag.selecting = true;
      if (this.drag.selecting) this.select([this.drag.x, x]);
    });
    area.addEventListener('pointerup', (event) => {
      const { drag, view, playback } = this;
      this.drag = null;
      if (!drag) return;
      const [from, to] = [drag.x, this.xOf(event)].sort((a, b) => a - b).map((x) => this.clip(view.sampleAt(x)));
      if (drag.selecting) playback.setLoop({ start: from!, stop: to! });
      else playback.seek(from!);
    });
    area.addEventListener('pointercancel', () => (this.drag = null));
    area.addEventListener('pointerleave', () => (this.hover.hidden = true));
  }

  /** Pressing and dragging on the ruler moves the playhead. */
  private listenScrub(): void {
    const { ruler, playback, view } = this;
    const seek = (event: PointerEvent): void => playback.seek(view.sampleAt(this.xOf(event)));
    ruler.addEventListener('pointerdown', (event) => {
      ruler.setPointerCapture(event.pointerId);
      seek(event);
    });
    ruler.addEventListener('pointermove', (event) => {
      if (ruler.hasPointerCapture(event.pointerId)) seek(event);
    });
  }

  /** Zoom with Ctrl (as browsers report a pinch), pan sideways; otherwise let the page scroll. */
  private wheel(event: WheelEvent): void {
    const sideways = event.shiftKey ? event.deltaY + event.deltaX : event.deltaX;
    if (event.ctrlKey || event.metaKey) this.view.zoom(Math.exp(event.deltaY * ZOOM_PER_WHEEL_PIXEL), this.xOf(event));
    else if (Math.abs(sideways) > (event.shiftKey ? 0 : Math.abs(event.deltaY))) this.view.pan(sideways);
    else return;
    event.preventDefault();
    this.onmove();
  }

  private xOf(event: MouseEvent): number {
    return event.clientX - this.element.getBoundingClientRect().left;
  }

  private clip(sample: number): number {
    return Math.round(Math.max(0, Math.min(this.playback.length, sample)));
  }
}
