/** Drawing on canvases: ruler, waveform, axes, color bar. Units are CSS pixels; canvases are scaled to the screen. */

import { SAMPLE_RATE } from '../audio/resample';
import { css, legible, parse, type Palette, type Rgb } from './color';
import type { TakeTurn } from '../host/traits';
import { t } from '../strings';
import { COLOR_MAP } from './color_map';
import { levelFor, type PeakSource } from './peaks';
import { frequency } from './readout';
import { MARKS, RANGE_DB, heightOf, type Scale } from './frequencies';
import type { View } from './view';

/** Resize a canvas to device pixels and clear it. */
export function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const fine = window.devicePixelRatio || 1;
  const [wide, high] = [Math.max(1, Math.round(width * fine)), Math.max(1, Math.round(height * fine))];
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const context = canvas.getContext('2d')!;
  context.setTransform(fine, 0, 0, fine, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

const STEPS = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600,
];
const LABEL_WIDTH = 76;

/** Seconds between labels of the ruler. */
export function rulerStep(secondsPerPixel: number): number {
  return STEPS.find((step) => step / secondsPerPixel >= LABEL_WIDTH) ?? 7200;
}

/** A time on the ruler, with as many decimals as its step needs. */
export function rulerLabel(seconds: number, step: number): string {
  const decimals = step >= 1 ? 0 : Math.ceil(-Math.log10(step) - 1e-9);
  const total = Number(seconds.toFixed(decimals));
  const minutes = Math.floor(total / 60);
  const rest = (total - 60 * minutes).toFixed(decimals).padStart(decimals ? decimals + 3 : 2, '0');
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${rest}`;
}

export function drawRuler(
  context: CanvasRenderingContext2D,
  view: View,
  palette: Palette,
  width: number,
  height: number,
): void {
  const perPixel = view.perPixel / SAMPLE_RATE;
  const step = rulerStep(perPixel);
  const small = step / ([2, 20, 0.2, 0.02, 0.002, 120].includes(step) ? 4 : 5);
  context.font = `11px ${palette.font}`;
  context.textBaseline = 'top';
  context.fillStyle = palette.muted;
  const first = Math.floor(view.start / SAMPLE_RATE / small);
  const last = Math.ceil(view.sampleAt(width) / SAMPLE_RATE / small);
  for (let tick = first; tick <= last; tick++) {
    const x = Math.round((tick * small - view.start / SAMPLE_RATE) / perPixel);
    const large = tick % Math.round(step / small) === 0;
    context.fillStyle = large ? palette.muted : palette.line;
    context.fillRect(x, height - (large ? 6 : 4), 1, large ? 6 : 4);
    if (large) context.fillText(rulerLabel(tick * small, step), x + 4, 3);
  }
}

/** Colors of turns on a palette, computed once per color. */
export class TurnColors {
  private readonly known = new Map<string, Rgb>();

  constructor(readonly palette: Palette) {}

  of(turn: TakeTurn): Rgb {
    const name = turn.color || `label ${turn.label}`;
    let color = this.known.get(name);
    if (!color) {
      color = turn.color ? legible(parse(turn.color), this.palette.dark) : this.palette.plain;
      this.known.set(name, color);
    }
    return color;
  }
}

export interface WaveStyle {
  colors: TurnColors;
  turns: readonly TakeTurn[];
  /** Ids of turns that have changed since they were generated: hatched. */
  stale: ReadonlySet<string>;
  /** Largest sample, drawn at full height. */
  loudest: number;
  /** Tint the background of turns. */
  tinted: boolean;
}

/** Draw min and max of each device pixel, in the color of its turn; zoomed in, a line through the samples. */
export function drawWave(
  context: CanvasRenderingContext2D,
  peaks: PeakSource,
  view: View,
  { colors, turns, stale, loudest, tinted }: WaveStyle,
  box: { width: number; top: number; height: number },
): void {
  const fine = window.devicePixelRatio || 1;
  const perColumn = view.perPixel / fine;
  const level = levelFor(perColumn);
  const first = Math.max(0, Math.floor(view.start / 2 ** level));
  const count = Math.ceil((box.width * view.perPixel) / 2 ** level) + 3;
  const values = new Int16Array(2 * count);
  peaks.fill(level, first, count, values);
  const scale = (0.46 * box.height) / Math.max(1000, loudest);
  const middle = box.top + box.height / 2;
  const spans = spansOf(turns, view, box.width, colors);
  for (const { from, to, color, turn } of spans) {
    if (tinted && turn) {
      context.fillStyle = css(color, 0.1);
      context.fillRect(from, box.top, to - from, box.height);
      context.fillStyle = css(color, 0.55);
      context.fillRect(from, box.top, 1, box.height);
    }
    context.fillStyle = context.strokeStyle = css(color);
    const draw = perColumn < 2 ? drawLine : drawBars;
    draw(context, values, { first, level, from, to, view, middle, scale, step: 1 / fine });
    if (turn && stale.has(turn.turn)) hatch(context, colors.palette, { from, to, top: box.top, height: box.height });
  }
}

/** Distance of the lines of a hatching, pixels. */
const HATCH = 7;

/** Hatch a range, as audio that no longer belongs to its line. */
function hatch(
  context: CanvasRenderingContext2D,
  palette: Palette,
  { from, to, top, height }: { from: number; to: number; top: number; height: number },
): void {
  context.save();
  context.beginPath();
  context.rect(from, top, to - from, height);
  context.clip();
  context.fillStyle = css(palette.ground, 0.45);
  context.fillRect(from, top, to - from, height);
  context.beginPath();
  for (let x = from - height; x < to; x += HATCH) {
    context.moveTo(x, top + height);
    context.lineTo(x + height, top);
  }
  context.lineWidth = 1;
  context.strokeStyle = palette.muted;
  context.stroke();
  context.restore();
}

interface Segment {
  first: number;
  level: number;
  from: number;
  to: number;
  view: View;
  middle: number;
  scale: number;
  step: number;
}

function drawBars(context: CanvasRenderingContext2D, values: Int16Array, segment: Segment): void {
  const { first, level, from, to, view, middle, scale, step } = segment;
  context.beginPath();
  const begin = Math.ceil(from / step);
  const end = Math.ceil(to / step);
  for (let column = begin; column < end; column++) {
    const x = column * step;
    const a = Math.max(0, Math.floor(view.sampleAt(x) / 2 ** level) - first);
    const b = Math.max(a + 1, Math.ceil(view.sampleAt(x + step) / 2 ** level) - first);
    let [low, high] = [32767, -32768];
    for (let bucket = a; bucket < b && 2 * bucket < values.length; bucket++) {
      low = Math.min(low, values[2 * bucket]!);
      high = Math.max(high, values[2 * bucket + 1]!);
    }
    if (high < low) continue;
    const top = middle - high * scale;
    context.rect(x, top, step, Math.max(step, (high - low) * scale));
  }
  context.fill();
}

function drawLine(context: CanvasRenderingContext2D, values: Int16Array, segment: Segment): void {
  const { first, from, to, view, middle, scale } = segment;
  context.save();
  context.beginPath();
  context.rect(from, 0, to - from, 2 * middle);
  context.clip();
  context.beginPath();
  const begin = Math.max(0, Math.floor(view.sampleAt(from)) - first);
  const end = Math.ceil(view.sampleAt(to)) - first;
  for (let i = begin; i <= end && 2 * i < values.length; i++) {
    context.lineTo(view.xOf(first + i), middle - values[2 * i + 1]! * scale);
  }
  context.lineWidth = 1.2;
  context.lineJoin = 'round';
  context.stroke();
  context.restore();
}

interface Span {
  from: number;
  to: number;
  color: Rgb;
  turn: TakeTurn | null;
}

/** Split the view into turns and the gaps between them, in CSS pixels. */
function spansOf(turns: readonly TakeTurn[], view: View, width: number, colors: TurnColors): Span[] {
  const spans: Span[] = [];
  const { plain } = colors.palette;
  let at = 0;
  for (const turn of turns) {
    if (turn.stop <= view.start) continue;
    const from = Math.max(at, view.xOf(turn.start));
    const to = Math.min(width, view.xOf(turn.stop));
    if (from >= width) break;
    if (from > at) spans.push({ from: at, to: from, color: plain, turn: null });
    if (to > from) spans.push({ from, to, color: colors.of(turn), turn });
    at = Math.max(at, to);
  }
  if (at < width) spans.push({ from: at, to: width, color: plain, turn: null });
  return spans;
}

interface AxisBox {
  width: number;
  height: number;
}

const TICK = 5;

/** Draw a tick and its label, right-aligned at the inner edge of a left axis. */
function drawTick(context: CanvasRenderingContext2D, palette: Palette, label: string, y: number, box: AxisBox): void {
  context.font = `10px ${palette.font}`;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  context.fillStyle = palette.muted;
  context.fillRect(box.width - TICK, Math.round(y), TICK, 1);
  context.fillText(label, box.width - TICK - 3, Math.min(box.height - 6, Math.max(6, y)));
}

/** Levels at which the amplitude axis has ticks, dB relative to full scale. */
const LEVELS = [0, -3, -6, -12, -18, -24, -30] as const;
/** Space between labels of an axis, pixels. */
const APART = 14;

/** Amplitude axis of the waveform in dB relative to full scale; `loudest` is drawn at the top, as in `drawWave`. */
export function drawAmplitudes(
  context: CanvasRenderingContext2D,
  palette: Palette,
  { loudest, ...box }: AxisBox & { loudest: number },
): void {
  const scale = (0.46 * box.height) / Math.max(1000, loudest);
  let last = -Infinity;
  for (const level of LEVELS) {
    const y = box.height / 2 - 32768 * 10 ** (level / 20) * scale;
    if (y < 4 || y - last < APART || y > box.height / 2 - APART / 2) continue;
    last = y;
    drawTick(context, palette, `${level}`.replace('-', '−'), y, box);
  }
  drawTick(context, palette, t('player.decibels', { value: '−∞' }), box.height / 2, box);
}

/** Frequency axis of the spectrogram. */
export function drawFrequencies(
  context: CanvasRenderingContext2D,
  palette: Palette,
  { scale, ...box }: AxisBox & { scale: Scale },
): void {
  let last = Infinity;
  for (const hertz of MARKS[scale]) {
    const y = box.height * (1 - heightOf(hertz, scale));
    if (last - y < APART) continue;
    last = y;
    drawTick(context, palette, frequency(hertz), y, box);
  }
}

/** Color bar of the spectrogram, with levels in dB relative to full scale. */
export function drawColorBar(
  context: CanvasRenderingContext2D,
  palette: Palette,
  { height }: { height: number },
): void {
  const [left, wide] = [8, 8];
  const [r, w] = [COLOR_MAP, left + wide];
  const top = 6;
  const span = Math.max(1, height - 2 * top);
  for (let y = 0; y < span; y++) {
    const at = 4 * Math.round((255 * (span - 1 - y)) / Math.max(1, span - 1));
    context.fillStyle = `rgb(${r[at]} ${r[at + 1]} ${r[at + 2]})`;
    context.fillRect(left, top + y, wide, 1);
  }
  context.font = `10px ${palette.font}`;
  context.textBaseline = 'middle';
  context.fillStyle = palette.muted;
  let last = -Infinity;
  for (let level = 0; level >= -RANGE_DB; level -= 15) {
    const y = top + (-level / RANGE_DB) * (span - 1);
    if (y - last < APART) continue;
    last = y;
    context.fillText(`${level}`.replace('-', '−'), w + 3, y);
  }
}
