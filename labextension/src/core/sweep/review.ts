/** Reviews of a sweep: the figures of a cell, and the button that listens back to all cells. */

import type { Host } from '../host/host';
import type { CellReview } from '../host/traits';
import { describe } from '../review/model';
import { ReviewProgress } from '../review/progress';
import { detailOf } from '../review/settings';
import { t } from '../strings';
import { Disposers } from '../ui/disposers';
import { h } from '../ui/dom';
import { badge, button, failureNote, Failures, note } from '../ui/elements';
import { watch } from '../ui/watch';
import { unreviewed } from './model';

/** Word errors, likeness of the voice and pace. */
export const reviewFacts = ({ wer, similarity, words_per_minute }: CellReview): string[] => [
  t('sweep.errors', { percent: Math.round(wer) }),
  similarity === null ? '' : t('review.voice', { similarity: similarity.toFixed(2) }),
  words_per_minute === null ? '' : t('review.pace_rate', { rate: Math.round(words_per_minute) }),
];

/** Recognizer and score, and the differences, one in each line. */
export function reviewTitle({ recognizer, score, differences, count }: CellReview): string {
  const by = t('review.by', { recognizer, score: Math.round(score), note: '' }).trim();
  const more = count - differences.length;
  return [by, ...differences.map(describe), ...(more > 0 ? [t('sweep.more_differences', { count: more })] : [])].join(
    '\n',
  );
}

export const bestMark = (): HTMLElement => badge(t('sweep.best'), 'good', t('sweep.best_hint'));

/** Listen back, its progress, and the download that the recognizer may need. */
export class SweepReviewBar {
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  private readonly failures = new Failures();
  private readonly progress: ReviewProgress;
  private readonly listen = button({
    label: t('review.listen'),
    icon: 'ear',
    size: 'small',
    onclick: () => this.start(),
  });
  private readonly load = button({
    label: t('review.download_button'),
    size: 'small',
    onclick: () => void this.failures.during(() => this.host.channel.call('load_recognizer', {})),
  });
  private readonly message = h('div', { class: 'vvnb-slot', 'aria-live': 'polite' });
  /** The recognizer has to be installed or downloaded, and the person wants to listen. */
  private asked = false;
  /** Button and progress, beside the choice of the view. */
  readonly element: HTMLElement;
  /** Messages below it. */
  readonly messages = h('div', null, this.message, this.failures.element);

  constructor(private readonly host: Host) {
    this.progress = new ReviewProgress(host, this.failures);
    this.element = h(
      'div',
      { class: 'vvnb-row', role: 'group', 'aria-label': t('review.title') },
      ...this.progress.elements,
      this.listen,
    );
    this.disposers.add(
      watch(host, ['cells', 'review_state'], () => this.render()),
      host.channel.onConnection(() => this.render()),
    );
  }

  private render(): void {
    const { host } = this;
    const state = host.get('review_state');
    const count = unreviewed(host.get('cells') ?? []);
    const working = this.progress.show();
    this.listen.hidden = working || !count;
    this.listen.disabled = !host.channel.connected;
    this.listen.title = t('sweep.listen_hint', { count });
    if (working) this.asked = false;
    const content = [];
    if (state?.state === 'failed') content.push(failureNote({ got: state.message }));
    else if (state && this.asked && state.state === 'missing') content.push(note('warning', [detailOf(state)]));
    else if (state && this.asked && state.state === 'download')
      content.push(note('accent', [`${state.recognizer}: ${detailOf(state)} `, this.load]));
    this.message.replaceChildren(...content);
  }

  private start(): void {
    const state = this.host.get('review_state')?.state;
    if (state === 'missing' || state === 'download') {
      this.asked = true;
      this.render();
    } else void this.failures.during(() => this.host.channel.call('review', { takes: null }));
  }
}
