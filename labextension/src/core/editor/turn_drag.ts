/** Reordering with the pointer: a turn is dragged by its mark in the gutter. */

import type { EditorView } from '@codemirror/view';

import { h } from '../ui/dom';
import { Disposers } from '../ui/disposers';
import { moveBefore, placesIn, placesOf, type TurnPlace } from './turn_edits';

/** Movement in pixels that makes a click a drag. */
const THRESHOLD = 4;
/** Height in pixels of the zones at the edges in which the script scrolls, and its largest step a frame. */
const [EDGE, STEP] = [28, 10];

export class TurnDrag {
  /** Listeners and timers of the drag in progress. */
  private drag: Disposers | null = null;
  /** Line that shows the place of the drop. */
  private readonly mark = h('div', { class: 'vvnb-drop-mark', hidden: true });

  constructor(private readonly view: EditorView) {
    view.dom.append(this.mark);
  }

  /** A pointer went down on the mark of the turn at a position. */
  begin(position: number, event: PointerEvent): void {
    const { view } = this;
    const grabbed = this.grabbed(position);
    if (view.state.readOnly || event.button !== 0 || !grabbed.length) return;
    this.dispose();
    const drag = (this.drag = new Disposers());
    const from = event.clientY;
    let at = from;
    let active = false;
    let frame = 0;
    const scroll = (): void => {
      const box = view.scrollDOM.getBoundingClientRect();
      const beyond = Math.min(0, at - box.top - EDGE) + Math.max(0, at - box.bottom + EDGE);
      view.scrollDOM.scrollTop += Math.max(-STEP, Math.min(STEP, beyond / 3));
      this.show(this.target(at));
      frame = requestAnimationFrame(scroll);
    };
    drag.add(() => {
      cancelAnimationFrame(frame);
      this.mark.hidden = true;
      view.dom.removeAttribute('data-dragging');
    });
    drag.listen(window, 'pointermove', (move) => {
      at = move.clientY;
      if (active || Math.abs(at - from) < THRESHOLD) return;
      active = true;
      view.dom.setAttribute('data-dragging', '');
      scroll();
    });
    drag.listen(window, 'pointercancel', () => this.dispose());
    drag.listen(
      window,
      'keydown',
      (key) => {
        if (key.key !== 'Escape' || !active) return;
        key.preventDefault();
        key.stopPropagation();
        this.dispose();
      },
      { capture: true },
    );
    drag.listen(window, 'pointerup', () => {
      const target = this.target(at);
      this.dispose();
      if (!active) return;
      // The click that follows would play the turn.
      const swallow = (click: Event): void => click.stopPropagation();
      window.addEventListener('click', swallow, { capture: true, once: true });
      setTimeout(() => window.removeEventListener('click', swallow, { capture: true }));
      this.drop(grabbed, target);
    });
  }

  /** End the drag, if there is one, without a change. */
  readonly dispose = (): void => {
    this.drag?.dispose();
    this.drag = null;
  };

  /** Ids of what is dragged: the selected turns, if this is one of them. */
  private grabbed(position: number): string[] {
    const { state } = this.view;
    const { from, to, empty } = state.selection.main;
    const one = placesIn(state, position, position).slice(-1);
    const selected = empty ? [] : placesIn(state, from, to);
    const places = selected.some((place) => place.from === one[0]?.from) ? selected : one;
    return places.flatMap(({ ids }) => ids);
  }

  /** Number of the turn to drop before, for a height in the page. */
  private target(clientY: number): number {
    const { view } = this;
    const height = clientY - view.documentTop;
    const middle = ({ from, to }: TurnPlace): number => (view.lineBlockAt(from).top + view.lineBlockAt(to).bottom) / 2;
    return placesOf(view.state).filter((place) => middle(place) < height).length;
  }

  private show(target: number): void {
    const { view } = this;
    const places = placesOf(view.state);
    const [place, last] = [places[target], places.at(-1)];
    const height = place ? view.lineBlockAt(place.from).top : last ? view.lineBlockAt(last.to).bottom : 0;
    this.mark.hidden = false;
    this.mark.style.insetBlockStart = `${view.documentTop + height - view.dom.getBoundingClientRect().top}px`;
  }

  private drop(ids: readonly string[], target: number): void {
    const { view } = this;
    const places = placesOf(view.state).filter((place) => place.ids.some((id) => ids.includes(id)));
    const change = moveBefore(view.state, places, target);
    if (!change) return;
    view.dispatch(change);
    view.focus();
  }
}
