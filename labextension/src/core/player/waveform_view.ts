/**
 * Waveform view: ruler, turns, waveform, spectrogram, axes, playhead and selection of the visible range.
 *
 * It draws peaks measured in the kernel; waveform libraries need the whole file in the page.
 */

import { t } from '../strings';
import { h } from '../ui/dom';
import { drawAmplitudes, drawColorBar, drawFrequencies, drawRuler, drawWave, prepare, type TurnColors } from './draw';
import { hertzAt } from './frequencies';
import { turnAt } from './model';
import { HeardMarks, type HeardMark } from './heard_marks';
import { levelFor, type PeakSource } from './peaks';
import { Readout } from './readout';
import type { SpectrogramTiles } from './spectrogram_tiles';
import { TurnLane } from './turn_lane';
import { splitter } from '../ui/splitter';
import type { Playback } from './playback';
import type { View } from './view';
import { visibleViews, type Shown } from './views';

const RULER = 22;
/** Widths of the axes left and right of the pictures; the style sheet has the same. */
const AXIS = 46;
const BAR = 44;
/** Height of the divider between waveform and spectrogram. */
const DIVIDER = 7;
const LEAST = 40;
/** Pointer movement below which a press is a click, pixels. */
const SLACK = 4;
const ZOOM_PER_WHEEL_PIXEL = 0.004;

export class WaveformView {
  readonly element: HTMLElement;
  /** Width of the pictures, between the axes. */
  width = 0;
  private waveHeight = 0;
  private spectrumHeight = 0;
  private peaks: PeakSource | null = null;
  private spectrogram: SpectrogramTiles | null = null;
  private readonly lane: TurnLane;
  private readonly heard: HeardMarks;
  private readonly ruler = h('canvas', { class: 'vvnb-deck-ruler', 'aria-hidden': 'true' });
  private readonly wave = h('canvas', { class: 'vvnb-deck-wave', role: 'img' });
  private readonly spectrum = h('canvas', {
    class: 'vvnb-deck-spectrum',
    role: 'img',
    'aria-label': t('player.spectrogram_range'),
  });
  private readonly waveAxis = h('canvas', { class: 'vvnb-deck-levels', 'aria-hidden': 'true' });
  private readonly spectrumAxis = h('canvas', { class: 'vvnb-deck-frequencies', 'aria-hidden': 'true' });
  private readonly bar = h('canvas', { class: 'vvnb-deck-colorbar', 'aria-hidden': 'true' });
  private readonly readout = new Readout();
  private readonly divider;
  private readonly area: HTMLElement;
  private readonly head = h('i', { class: 'vvnb-deck-head' });
  private readonly selection = h('i', { class: 'vvnb-deck-selection', hidden: true });
  private readonly hover = h('i', { class: 'vvnb-deck-hover', hidden: true });
  private current: string | undefined;
  private drag: { x: number; id: number; selecting: boolean } | null = null;

  constructor(
    private readonly playback: Playback,
    private readonly view: View,
    private readonly shown: Shown,
    private readonly onmove: () => void,
    onshare: () => void,
  ) {
    this.lane = new TurnLane((turn) => playback.goTo(turn.start));
    this.heard = new HeardMarks((sample) => playback.goTo(sample));
    this.divider = splitter({
      label: t('player.divider'),
      orientation: 'horizontal',
      sign: 1,
      size: () => this.waveHeight,
      limits: () => [LEAST, Math.max(LEAST, this.waveHeight + this.spectrumHeight - LEAST)],
      resize: (size) => {
        shown.share = size / Math.max(1, this.waveHeight + this.spectrumHeight);
        this.measure();
        this.onmove();
      },
      onend: onshare,
    });
    this.divider.element.classList.add('vvnb-deck-divider');
    this.area = h(
      'div',
      { class: 'vvnb-deck-area' },
      this.wave,
      this.divider.element,
      this.spectrum,
      this.waveAxis,
      this.spectrumAxis,
      this.bar,
      this.selection,
      this.heard.element,
    );
    this.element = h(
      'div',
      { class: 'vvnb-deck-waveform-view' },
      this.ruler,
      this.readout.element,
      this.lane.element,
      this.area,
      this.hover,
      this.head,
    );
    this.listen();
    this.listenScrub();
    this.element.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
  }

  /** Measure the size. Not while painting: that would force a layout per frame. */
  measure(): void {
    const { shown, area } = this;
    this.width = Math.max(0, this.element.clientWidth - AXIS - BAR);
    const high = area.clientHeight;
    const views = visibleViews(shown);
    const both = views === 'both';
    const room = Math.max(0, high - (both ? DIVIDER : 0));
    if (both) this.waveHeight = Math.round(Math.max(LEAST, Math.min(room - LEAST, room * shown.share)));
    else this.waveHeight = views === 'waveform' ? room : 0;
    this.spectrumHeight = room - this.waveHeight;
    area.style.setProperty('--wave', `${this.waveHeight}px`);
    area.style.setProperty('--spectrum', `${this.spectrumHeight}px`);
    this.divider.update();
  }

  draw(
    peaks: PeakSource | null,
    spectrogram: SpectrogramTiles | null,
    colors: TurnColors,
    stale: ReadonlySet<string>,
    loudest: number,
    heard: readonly HeardMark[],
  ): void {
    const { playback, view, width, waveHeight: wave, spectrumHeight: high } = this;
    const { palette } = colors;
    const views = visibleViews(this.shown);
    Object.assign(this, { peaks, spectrogram });
    drawRuler(prepare(this.ruler, width, RULER), view, palette, width, RULER);
    this.wave.hidden = this.waveAxis.hidden = views === 'spectrogram';
    this.spectrum.hidden = this.spectrumAxis.hidden = this.bar.hidden = views === 'waveform';
    this.divider.element.hidden = views !== 'both';
    if (wave) {
      const context = prepare(this.wave, width, wave);
      context.fillStyle = palette.line;
      context.fillRect(0, wave / 2, width, 1);
      const style = { colors, turns: playback.turns, stale, loudest, tinted: true };
      if (peaks && playback.length) drawWave(context, peaks, view, style, { width, top: 0, height: wave });
      drawAmplitudes(prepare(this.waveAxis, AXIS, wave), palette, { width: AXIS, height: wave, loudest });
    }
    this.wave.setAttribute(
      'aria-label',
      playback.summary ? t('player.waveform', { name: playback.summary.name }) : t('player.waveform_empty'),
    );
    this.heard.update(heard, view, width);
    if (high) {
      const picture = prepare(this.spectrum, width, high);
      if (spectrogram) spectrogram.draw(picture, view, palette, width, high);
      const scale = spectrogram?.scale ?? 'mel';
      drawFrequencies(prepare(this.spectrumAxis, AXIS, high), palette, { width: AXIS, height: high, scale });
      drawColorBar(prepare(this.bar, BAR, high), palette, { height: high });
    }
  }

  /** Update playhead, current turn and selection without redrawing; `moved` if the view or the turns changed. */
  mark(position: number, colors: TurnColors, moved: boolean): void {
    const { playback, view, width } = this;
    const x = view.xOf(position);
    this.head.hidden = x < -1 || x > width + 1 || playback.length === 0;
    this.head.style.transform = `translateX(${(AXIS + Math.min(width - 1, x)).toFixed(2)}px)`;
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
    this.selection.style.left = `${AXIS + left}px`;
    this.selection.style.width = `${Math.max(0, right - left)}px`;
  }

  private listen(): void {
    const { area } = this;
    area.addEventListener('pointerdown', (event) => {
      if (event.button !== 0 || this.divider.element.contains(event.target as Node)) return;
      area.setPointerCapture(event.pointerId);
      this.drag = { x: this.xOf(event), id: event.pointerId, selecting: false };
    });
    area.addEventListener('pointermove', (event) => {
      const x = this.xOf(event);
      this.hover.hidden = event.pointerType === 'touch' || x < 0 || x > this.width;
      this.hover.style.transform = `translateX(${AXIS + x}px)`;
      this.read(x, event.clientY - area.getBoundingClientRect().top);
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
      else playback.goTo(from!);
    });
    area.addEventListener('pointercancel', () => (this.drag = null));
    area.addEventListener('pointerleave', () => {
      this.hover.hidden = true;
      this.readout.clear();
    });
  }

  /** Show time and level, or time, frequency and level, under the pointer. */
  private read(x: number, y: number): void {
    const { view, peaks, spectrogram, playback, waveHeight: wave, spectrumHeight: high } = this;
    const sample = view.sampleAt(x);
    if (x < 0 || x > this.width || sample > playback.length) return this.readout.clear();
    const below = y - (visibleViews(this.shown) === 'both' ? wave + DIVIDER : wave);
    if (below >= 0 && high && spectrogram) {
      const hertz = hertzAt(1 - below / high, spectrogram.scale);
      this.readout.show(sample, spectrogram.levelAt(sample, hertz, view), hertz);
      return;
    }
    const level = levelFor(view.perPixel);
    const values = new Int16Array(2);
    peaks?.fill(level, Math.floor(sample / 2 ** level), 1, values);
    const largest = Math.max(Math.abs(values[0]!), Math.abs(values[1]!));
    this.readout.show(sample, largest ? 20 * Math.log10(largest / 32768) : null);
  }

  /** Pressing and dragging on the ruler moves the playhead. */
  private listenScrub(): void {
    const { ruler, playback, view } = this;
    const seek = (event: PointerEvent): void => playback.goTo(view.sampleAt(this.xOf(event)));
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
    return event.clientX - this.element.getBoundingClientRect().left - AXIS;
  }

  private clip(sample: number): number {
    return Math.round(Math.max(0, Math.min(this.playback.length, sample)));
  }
}
