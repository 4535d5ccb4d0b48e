/** Progress of reviews, and the button that cancels them. */

import type { Host } from '../host/host';
import { t } from '../strings';
import { h } from '../ui/dom';
import { button, type Failures } from '../ui/elements';

export class ReviewProgress {
  private readonly words = h('span', { class: 'vvnb-hint' });
  private readonly cancel = button({
    label: t('review.cancel'),
    kind: 'link',
    size: 'small',
    title: t('review.cancel_hint'),
    onclick: () => void this.failures.during(() => this.host.channel.call('cancel_review', {})),
  });
  readonly elements = [this.words, this.cancel];

  constructor(
    private readonly host: Host,
    private readonly failures: Failures,
  ) {}

  /** Show the current state; return true if reviews are running. */
  show(): boolean {
    const state = this.host.get('review_state');
    const working = this.host.channel.connected && (state?.state === 'listening' || state?.state === 'loading');
    this.words.hidden = this.cancel.hidden = !working;
    if (working) {
      const { done, total, recognizer: name } = state;
      this.words.textContent =
        state.state === 'loading'
          ? t('review.loading_named', { name })
          : t('review.listening_of', { done: Math.min(done + 1, total), total });
    }
    return working;
  }
}
