/** Small waveforms: peaks from the kernel on a canvas, in the theme's colors. */

import { h } from './dom';
import type { Host } from '../host/host';
import { Disposers } from './disposers';

/** Lowest and highest sample of each bucket, int16. */
export type Peaks = Int16Array;

export async function fetchPeaks(host: Host, source: string, samples: number, buckets: number): Promise<Peaks> {
  const reply = await host.channel.call('peaks', { source, start: 0, stop: samples, buckets });
  const view = reply.buffers[0];
  if (!view) return new Int16Array(0);
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return new Int16Array(bytes.slice().buffer);
}

/** Resolve a CSS custom property to a color, for canvases. */
export function colorOf(element: Element, name: string): string {
  const probe = h('span', { style: `color: var(${name}); display: none` });
  element.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}

/** Draw peaks as bars, scaled so that the loudest fills the height; return false if the canvas has no size. */
export function drawPeaks(canvas: HTMLCanvasElement, peaks: Peaks, color: string): boolean {
  const { width, height } = canvas.getBoundingClientRect();
  const context = canvas.getContext('2d');
  if (!context || !width || !height) return false;
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  context.scale(canvas.width / width, canvas.height / height);
  context.fillStyle = color;
  if (!peaks.length) return true;
  const buckets = peaks.length / 2;
  let loudest = 1;
  for (const value of peaks) loudest = Math.max(loudest, Math.abs(value));
  const pitch = 3; // a bar of two pixels and a gap of one
  const bars = Math.max(1, Math.floor(width / pitch));
  for (let bar = 0; bar < bars; bar += 1) {
    const from = Math.floor((bar * buckets) / bars);
    const to = Math.max(from + 1, Math.floor(((bar + 1) * buckets) / bars));
    let low = 0;
    let high = 0;
    for (let bucket = from; bucket < to && bucket < buckets; bucket += 1) {
      low = Math.min(low, peaks[2 * bucket]!);
      high = Math.max(high, peaks[2 * bucket + 1]!);
    }
    const size = Math.max(1, ((high - low) / (2 * loudest)) * (height - 2));
    context.fillRect(bar * pitch, (height - size) / 2, 2, size);
  }
  return true;
}

export interface Waveform {
  element: HTMLCanvasElement;
  /** Show a source, also the same one after it changed. */
  show(source: string, samples: number): void;
  /** Redraw, for example after its color changed. */
  redraw(): void;
  dispose(): void;
}

/** A canvas that fetches its peaks when it is first visible, and redraws when its size or the theme changes. */
export function waveform(host: Host, color: string, buckets = 240): Waveform {
  const element = h('canvas', { class: 'vvnb-waveform', 'aria-hidden': 'true' });
  let wanted: { source: string; samples: number } | null = null;
  let peaks: Peaks = new Int16Array(0);
  let seen = false;
  let generation = 0;
  const draw = (): void => {
    if (element.isConnected) drawPeaks(element, peaks, colorOf(element.parentElement ?? element, color));
  };
  const load = async (): Promise<void> => {
    if (!seen || !wanted || !wanted.samples) return;
    const mine = (generation += 1);
    try {
      const found = await fetchPeaks(host, wanted.source, wanted.samples, buckets);
      if (mine !== generation) return;
      peaks = found;
      draw();
    } catch {
      peaks = new Int16Array(0); // without a kernel, the name beside the waveform has to do
    }
  };
  const visible = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    if (seen) return draw();
    seen = true;
    void load();
  });
  const size = new ResizeObserver(draw);
  visible.observe(element);
  size.observe(element);
  // JupyterLab hides the page while it changes the theme: the canvas has no size before the next frame.
  const theme = new MutationObserver(() => requestAnimationFrame(draw));
  theme.observe(document.body, { attributes: true, attributeFilter: ['data-jp-theme-light', 'class'] });
  const disposers = new Disposers();
  disposers.listen(matchMedia('(prefers-color-scheme: dark)'), 'change', draw);
  disposers.add(
    () => (generation += 1),
    () => visible.disconnect(),
    () => size.disconnect(),
    () => theme.disconnect(),
  );
  return {
    element,
    show(source, samples) {
      wanted = { source, samples };
      void load();
    },
    redraw: draw,
    dispose: disposers.dispose,
  };
}
