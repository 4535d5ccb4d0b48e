/** Marks on the waveform where words were heard differently; they show the difference, and play from there. */

import { SAMPLE_RATE } from '../audio/resample';
import type { Host } from '../host/host';
import type { TakeReview, TakeSummary } from '../host/traits';
import { describe, reviewOf, reviewOfTake } from '../review/model';
import { h } from '../ui/dom';
import { baseOf } from './model';
import type { View } from './view';

export interface HeardMark {
  sample: number;
  text: string;
  certain: boolean;
}

/** Most marks that are drawn at once. */
const MOST = 300;

/** Marks of the source that is shown: of the episode, or of a single take. */
export function marksOf(host: Host, summary: TakeSummary | null): HeardMark[] {
  if (!summary) return [];
  const source = baseOf(summary.source);
  const of = (review: TakeReview | null, place: (at: TakeReview['differences'][number]) => number | null) =>
    (review?.differences ?? []).flatMap((one) => {
      const sample = place(one);
      return sample === null ? [] : [{ sample, text: describe(one), certain: one.certain }];
    });
  if (source.startsWith('take:')) {
    return of(reviewOfTake(host, source.slice('take:'.length)), ({ start }) => Math.round(start * SAMPLE_RATE));
  }
  if (source !== 'episode') return [];
  const turns = new Map((host.get('turns') ?? []).map((turn) => [turn.id, turn]));
  return summary.turns.flatMap(({ turn: id, start }) => {
    const turn = turns.get(id);
    return turn ? of(reviewOf(host, turn), ({ offset }) => (offset === null ? null : start + offset)) : [];
  });
}

export class HeardMarks {
  readonly element = h('div', { class: 'vvnb-deck-heard', 'aria-hidden': 'true' });
  private shown: readonly HeardMark[] = [];

  constructor(private readonly onpick: (sample: number) => void) {}

  update(marks: readonly HeardMark[], view: View, width: number): void {
    if (marks !== this.shown) {
      this.shown = marks;
      this.element.replaceChildren(
        ...marks.slice(0, MOST).map(({ sample, text, certain }) => {
          const mark = h('i', { title: text, 'data-certain': String(certain) });
          // The waveform below would take it for the start of a selection.
          mark.addEventListener('pointerdown', (event) => event.stopPropagation());
          mark.addEventListener('click', () => this.onpick(sample));
          return mark;
        }),
      );
    }
    [...this.element.children].forEach((element, at) => {
      const x = view.xOf(this.shown[at]!.sample);
      const mark = element as HTMLElement;
      mark.hidden = x < 0 || x > width;
      mark.style.transform = `translateX(${x.toFixed(1)}px)`;
    });
  }
}
