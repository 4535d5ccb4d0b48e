/** Splitter: a bar between two panes that resizes one of them by pointer and by arrow keys. */

import { Disposers, type Dispose } from './disposers';
import { h } from './dom';

export interface SplitterOptions {
  label: string;
  /** Direction of the bar: a vertical one moves sideways. */
  orientation: 'vertical' | 'horizontal';
  /** 1 if moving the bar right or down makes the pane larger, -1 if smaller. */
  sign: 1 | -1;
  /** Present size of the pane in pixels, and its limits. */
  size: () => number;
  limits: () => readonly [number, number];
  /** Apply a size; called while the bar moves. */
  resize: (size: number) => void;
  /** Called when a move has ended, with the last size. */
  onend?: (size: number) => void;
  /** Called on a double click: back to the default size. */
  reset?: () => void;
}

const STEP = 16;

export function splitter(options: SplitterOptions): { element: HTMLElement; update: () => void; dispose: Dispose } {
  const { label, orientation, sign, size, limits, resize, onend, reset } = options;
  const vertical = orientation === 'vertical';
  const element = h('div', {
    class: 'vvnb-splitter',
    role: 'separator',
    tabindex: 0,
    'aria-label': label,
    'aria-orientation': orientation,
    title: label,
  });
  const disposers = new Disposers();
  let from: { pointer: number; size: number } | null = null;

  const update = (): void => {
    const [low, high] = limits();
    element.setAttribute('aria-valuemin', String(Math.round(low)));
    element.setAttribute('aria-valuemax', String(Math.round(Math.max(low, high))));
    element.setAttribute('aria-valuenow', String(Math.round(size())));
  };
  const set = (wanted: number): number => {
    const [low, high] = limits();
    const clipped = Math.round(Math.max(low, Math.min(high, wanted)));
    resize(clipped);
    update();
    return clipped;
  };
  const place = (event: PointerEvent): number => (vertical ? event.clientX : event.clientY);

  disposers.listen(element, 'pointerdown', (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    from = { pointer: place(event), size: size() };
    element.toggleAttribute('data-moving', true);
  });
  disposers.listen(element, 'pointermove', (event) => {
    if (from) set(from.size + sign * (place(event) - from.pointer));
  });
  const end = (): void => {
    if (!from) return;
    from = null;
    element.removeAttribute('data-moving');
    onend?.(size());
  };
  disposers.listen(element, 'pointerup', end);
  disposers.listen(element, 'pointercancel', end);
  disposers.listen(element, 'dblclick', () => {
    reset?.();
    update();
  });
  disposers.listen(element, 'keydown', (event) => {
    const [less, more] = vertical ? ['ArrowLeft', 'ArrowRight'] : ['ArrowUp', 'ArrowDown'];
    const [low, high] = limits();
    const step = event.shiftKey ? 4 * STEP : STEP;
    const to = {
      [less]: size() - sign * step,
      [more]: size() + sign * step,
      Home: low,
      End: high,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation(); // the arrows and Home belong to the bar here, not to the player
    onend?.(set(to));
  });
  disposers.add(() => element.remove());
  return { element, update, dispose: disposers.dispose };
}
