/** "Hear the first line": has the kernel speak a speaker's first line in every voice; progress and Cancel. */

import { h } from '../ui/dom';
import { button, type Failures, failureNote, progressBar } from '../ui/elements';
import { Disposers } from '../ui/disposers';
import { watch } from '../ui/watch';
import type { Host } from '../host/host';
import { isBusy, type AuditionState } from '../host/traits';
import { t } from '../strings';

export class AuditionBar {
  readonly element: HTMLElement;
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  private readonly line = h('p', { class: 'vvnb-gallery-line' });
  private readonly bar = progressBar(t('cast.audition_progress'));
  private readonly text = h('span', { class: 'vvnb-hint vvnb-grow', role: 'status' });
  private readonly problem = h('div', { class: 'vvnb-slot' });
  private readonly start: HTMLButtonElement;
  private readonly cancel: HTMLButtonElement;
  private lost = false;
  private message = '';

  constructor(
    private readonly host: Host,
    private readonly label: string,
    failures: Failures,
  ) {
    this.start = button({
      label: t('cast.audition'),
      icon: 'wave',
      size: 'small',
      title: t('cast.audition_hint', { speaker: label }),
      onclick: () => void failures.during(() => host.channel.call('audition', { speaker: label })),
    });
    this.cancel = button({
      label: t('cast.cancel'),
      size: 'small',
      kind: 'quiet',
      onclick: () => void failures.during(() => host.channel.call('cancel_audition', {})),
    });
    this.element = h(
      'div',
      { class: 'vvnb-stack', 'data-tight': true },
      this.line,
      h('div', { class: 'vvnb-row' }, this.start, this.text, this.cancel),
      this.bar.element,
      this.problem,
    );
    this.disposers.add(
      host.channel.onConnection((connected) => {
        this.lost = !connected;
        this.render();
      }),
      watch(host, ['audition_state', 'turns'], () => this.render()),
    );
  }

  private render(): void {
    const { host, label } = this;
    const all = host.get('audition_state');
    const speaks = host.get('turns')?.some((turn) => turn.speaker === label && turn.state !== 'unspeakable');
    this.element.hidden = !all || !speaks; // a widget without a script has nothing to speak
    if (this.element.hidden) return;
    const state = all!.speaker === label ? all : undefined;
    const busy = isBusy(state) && !this.lost;
    const focused = this.element.contains(document.activeElement);
    this.line.textContent = state?.text ? t('cast.line', { text: state.text }) : '';
    this.line.hidden = !state?.text;
    this.start.hidden = busy;
    this.cancel.hidden = !busy;
    if (focused && document.activeElement === document.body) (busy ? this.cancel : this.start).focus();
    this.bar.element.hidden = !busy;
    const done = state?.voices.filter((voice) => !['waiting', 'speaking'].includes(voice.state)).length ?? 0;
    this.bar.set(state?.state === 'speaking' ? done / Math.max(1, state.voices.length) : null);
    const text = busy ? progressText(state!, done) : '';
    if (this.text.textContent !== text) this.text.textContent = text;
    const message = state?.state === 'failed' ? state.message : '';
    if (message !== this.message) this.problem.replaceChildren(...(message ? [failureNote({ got: message })] : []));
    this.message = message;
  }
}

function progressText(state: AuditionState, done: number): string {
  if (state.state === 'queued') return t('cast.audition_queued');
  if (state.state === 'loading') return t('cast.audition_loading');
  return t('cast.audition_done', { count: done, total: state.voices.length });
}
