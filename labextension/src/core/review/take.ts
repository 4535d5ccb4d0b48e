/** Review of one take: the fraction of right words, and its differences, each of which plays from its place. */

import type { Bus } from '../host/host';
import type { ReviewDifference, TakeReview } from '../host/traits';
import { t } from '../strings';
import { h } from '../ui/dom';
import { badge } from '../ui/elements';
import { clock } from '../ui/format';
import { icon } from '../ui/icons';
import { describe } from './model';

/** Likeness of the voice to its recording, and another speaker of the cast whose voice is closer. */
function voiceOf({ similarity, nearest }: TakeReview, speaker: string): HTMLElement[] {
  if (similarity === null) return [];
  const marks = [badge(t('review.voice', { similarity: similarity.toFixed(2) }), undefined, t('review.voice_hint'))];
  if (nearest && nearest !== speaker) marks.push(badge(t('review.nearest', { speaker: nearest }), 'warning'));
  return marks;
}

/** Seconds of sound before a difference that are played, too. */
const BEFORE = 0.4;

export class ReviewOfTake {
  readonly element = h('div', { class: 'vvnb-take-review', hidden: true });

  constructor(private readonly bus: Bus) {}

  show(take: string, number: number, speaker: string, review: TakeReview | null): void {
    this.element.hidden = !review;
    if (!review) return this.element.replaceChildren();
    const { wer, score, flagged, recognizer, note, differences } = review;
    const right = t('review.words_right', { percent: Math.round(Math.max(0, 100 - wer)) });
    const by = t('review.by', { recognizer, score: Math.round(score), note: note && `${note}.` }).trim();
    const list = h('ul', { 'aria-label': t('review.of_take', { n: number }) });
    list.append(...differences.map((one) => this.item(take, one)));
    const marks = h('div', { class: 'vvnb-row', 'data-tight': true }, badge(right, flagged ? 'warning' : 'good', by));
    marks.append(...voiceOf(review, speaker));
    this.element.replaceChildren(marks, ...(differences.length ? [list] : []));
  }

  private item(take: string, one: ReviewDifference): HTMLElement {
    const at = Math.max(0, one.start - BEFORE);
    return h(
      'li',
      null,
      h(
        'button',
        {
          type: 'button',
          class: 'vvnb-button',
          'data-kind': 'link',
          'data-certain': one.certain,
          title: t('review.play_difference'),
          onclick: () => this.bus.emit('audition', { source: `take:${take}`, autoplay: true, at }),
        },
        icon('play'),
        h('span', null, describe(one)),
        h('span', { class: 'vvnb-hint' }, clock(one.start, true)),
      ),
    );
  }
}
