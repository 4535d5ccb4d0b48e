/** Reviews below the script: listen back and its progress, turns that differ, and the button that fixes them. */

import type { Bus, Host } from '../host/host';
import { isBusy } from '../host/traits';
import { t } from '../strings';
import { Disposers } from '../ui/disposers';
import { h } from '../ui/dom';
import { button, Failures } from '../ui/elements';
import { icon } from '../ui/icons';
import { watch } from '../ui/watch';
import { ATTEMPTS, differing, listens, reviewed, unready, unreviewed } from './model';
import { ReviewProgress } from './progress';

export class ReviewBar {
  readonly failures = new Failures();
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  private readonly progress: ReviewProgress;
  private readonly failed = button({
    label: t('review.failed_short'),
    kind: 'link',
    size: 'small',
    onclick: () => this.bus.emit('setUpReview', {}),
  });
  private readonly right = h('span', { class: 'vvnb-review-right' }, icon('check'), t('review.all_right'));
  private readonly differ: HTMLButtonElement;
  private readonly fix = button({ label: '', size: 'small', onclick: () => this.fixAll() });
  private readonly listen = button({
    label: t('review.listen'),
    icon: 'ear',
    size: 'small',
    kind: 'quiet',
    onclick: () => this.start(),
  });
  private readonly said = h('span', { class: 'vvnb-visually-hidden', role: 'status' });
  readonly element: HTMLElement;

  constructor(
    private readonly host: Host,
    private readonly bus: Bus,
    next: () => void,
  ) {
    this.progress = new ReviewProgress(host, this.failures);
    this.differ = button({ label: '', kind: 'link', size: 'small', title: t('review.next_difference'), onclick: next });
    this.element = h(
      'div',
      { class: 'vvnb-review-bar', role: 'group', 'aria-label': t('review.title') },
      ...this.progress.elements,
      this.failed,
      this.right,
      this.differ,
      this.fix,
      this.listen,
      this.said,
    );
    this.disposers.add(
      watch(host, ['reviews', 'review_state', 'listen_back', 'turns', 'takes', 'job', 'mode', 'project_state'], () =>
        this.render(),
      ),
      host.channel.onConnection(() => this.render()),
    );
  }

  private render(): void {
    const { host } = this;
    const connected = host.channel.connected;
    const state = host.get('review_state');
    const working = this.progress.show();
    const [wrong, known, waiting] = [differing(host).length, reviewed(host).length, unreviewed(host).length];
    this.element.hidden = !listens(host) || !(known || waiting || working);
    this.failed.hidden = working || state?.state !== 'failed';
    this.failed.title = state?.message ?? '';
    this.right.hidden = working || !known || wrong > 0;
    this.right.title = t('review.all_right_hint', { count: known });
    this.differ.hidden = !wrong;
    this.differ.replaceChildren(icon('differs'), t('review.turns_differ', { count: wrong }));
    this.showFix(wrong);
    this.listen.hidden = working || !waiting;
    this.listen.disabled = !connected;
    this.listen.title = unready(host) || t('review.listen_hint', { count: waiting });
    this.announce(working || !known ? '' : wrong ? t('review.turns_differ', { count: wrong }) : t('review.all_right'));
  }

  private showFix(wrong: number): void {
    const { host, fix } = this;
    fix.hidden = !wrong;
    fix.textContent = t('review.fix', { count: wrong });
    const whole = host.get('mode') === 'whole';
    const readOnly = host.get('project_state')?.read_only ?? false;
    fix.disabled = whole || readOnly || isBusy(host.get('job')) || !host.channel.connected;
    if (readOnly) fix.title = t('studio.read_only');
    else if (whole) fix.title = t('takes.turn_mode_only', { mode: t('controls.mode_turns') });
    else fix.title = t('review.fix_hint', { takes: ATTEMPTS });
  }

  private announce(text: string): void {
    if (this.said.textContent !== text) this.said.textContent = text;
  }

  private fixAll(): void {
    if (unready(this.host)) return this.bus.emit('setUpReview', {});
    this.bus.emit('flush', {});
    this.bus.emit('fix', { turns: differing(this.host).map(({ id }) => id), takes: ATTEMPTS });
  }

  private start(): void {
    if (unready(this.host)) return this.bus.emit('setUpReview', {});
    this.bus.emit('flush', {});
    const takes = unreviewed(this.host);
    void this.failures.during(() => this.host.channel.call('review', { takes }));
  }
}
