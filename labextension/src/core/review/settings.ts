/** Settings of listening back: when, the recognizer, and its state. */

import type { Host } from '../host/host';
import type { ListenBack, ReviewState } from '../host/traits';
import { t, type TextKey } from '../strings';
import { h } from '../ui/dom';
import { Disposers, type Dispose } from '../ui/disposers';
import {
  badge,
  button,
  Failures,
  failureNote,
  freshId,
  progressBar,
  segments,
  suggestAll,
  type Tone,
} from '../ui/elements';
import { bytes } from '../ui/format';
import { help } from '../ui/popover';
import { watch } from '../ui/watch';

const STATES = {
  missing: { label: 'review.missing', tone: 'warning' },
  download: { label: 'review.download', tone: undefined },
  available: { label: 'review.available', tone: undefined },
  loading: { label: 'review.loading', tone: 'accent' },
  listening: { label: 'review.listening', tone: 'accent' },
  ready: { label: 'review.ready', tone: 'good' },
  failed: { label: 'review.failed', tone: 'danger' },
} as const satisfies Record<ReviewState['state'], { label: TextKey; tone: Tone | undefined }>;

export function mountReviewSettings(root: HTMLElement, host: Host): Dispose {
  const settings = new ReviewSettings(host);
  root.append(settings.element);
  return settings.dispose;
}

class ReviewSettings {
  readonly element: HTMLElement;
  private readonly failures = new Failures();
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  private readonly when = segments<ListenBack>(
    t('review.title'),
    [
      ['off', t('review.off')],
      ['on demand', t('review.on_demand'), t('review.on_demand_hint')],
      ['each take', t('review.each_take'), t('review.each_take_hint')],
    ],
    (value) => this.host.set('listen_back', value),
  );
  private readonly id = freshId('recognizer');
  private readonly suggestions = h('datalist', { id: freshId('recognizers') });
  private readonly name: HTMLInputElement = h('input', {
    class: 'vvnb-input vvnb-mono',
    id: this.id,
    list: this.suggestions.id,
    spellcheck: 'false',
    autocomplete: 'off',
    maxlength: 500,
    placeholder: t('review.recognizer_placeholder'),
    onchange: () => this.name.value.trim() && this.host.set('recognizer', this.name.value.trim()),
    onblur: () => (this.name.value ||= this.host.get('recognizer') ?? ''),
  });
  private readonly all = button({
    label: t('review.show_all'),
    icon: 'chevron',
    bare: true,
    onclick: () => suggestAll(this.name),
  });
  private readonly note = h('p', { class: 'vvnb-hint' });
  private readonly state = h('div', { class: 'vvnb-row', 'aria-live': 'polite' });
  private readonly load = button({ label: '', size: 'small', onclick: () => this.ask('load_recognizer') });
  private readonly unload = button({
    label: t('review.unload_button'),
    size: 'small',
    title: t('review.unload_hint'),
    onclick: () => this.ask('unload_recognizer'),
  });
  private readonly bar = progressBar(t('review.loading_bar'));
  private readonly failure = h('div', { class: 'vvnb-slot' });
  private readonly recognizer: HTMLElement;

  constructor(private readonly host: Host) {
    this.bar.set(null);
    this.recognizer = h(
      'div',
      { class: 'vvnb-field' },
      h(
        'div',
        { class: 'vvnb-label' },
        h('label', { for: this.id }, t('review.recognizer')),
        help(t('review.recognizer'), t('review.recognizer_help')),
      ),
      h('div', { class: 'vvnb-combobox' }, this.name, this.all, this.suggestions),
      this.note,
      h(
        'div',
        { class: 'vvnb-row', 'data-nowrap': true },
        h('div', { class: 'vvnb-grow' }, this.state),
        this.load,
        this.unload,
      ),
      this.bar.element,
      this.failure,
      this.failures.element,
    );
    this.element = h(
      'section',
      { class: 'vvnb-review-settings', 'aria-label': t('review.title') },
      h(
        'div',
        { class: 'vvnb-field' },
        h(
          'div',
          { class: 'vvnb-label' },
          t('review.title'),
          help(t('review.title'), t('review.help'), t('review.help_priority')),
        ),
        this.when.element,
      ),
      this.recognizer,
    );
    this.disposers.add(
      watch(host, ['listen_back', 'recognizer', 'recognizers', 'review_state', 'project_state'], () => this.render()),
      () => this.element.remove(),
    );
  }

  private render(): void {
    const { host } = this;
    const name = host.get('recognizer') ?? '';
    const known = host.get('recognizers') ?? [];
    const readOnly = host.get('project_state')?.read_only ?? false;
    const listenBack = host.get('listen_back');
    this.element.hidden = listenBack === undefined;
    this.when.set(listenBack ?? 'off');
    this.recognizer.hidden = listenBack === 'off';
    if (document.activeElement !== this.name) this.name.value = name;
    this.suggestions.replaceChildren(...known.map(({ id, note }) => h('option', { value: id }, note)));
    this.note.textContent = known.find(({ id }) => id === name)?.note ?? '';
    this.note.hidden = !this.note.textContent;
    this.name.disabled = this.all.disabled = readOnly;
    for (const input of this.when.element.querySelectorAll('input')) input.disabled = readOnly;
    this.showState(host.get('review_state'));
  }

  private showState(state: ReviewState | undefined): void {
    if (!state) return;
    const { label, tone } = STATES[state.state];
    this.state.replaceChildren(badge(t(label), tone), h('span', { class: 'vvnb-hint' }, detailOf(state)));
    this.bar.element.hidden = state.state !== 'loading';
    const download = state.state === 'download';
    this.load.textContent = download ? t('review.download_button') : t('review.load_button');
    this.load.hidden = !['download', 'available', 'failed'].includes(state.state);
    this.unload.hidden = state.state !== 'ready';
    this.failure.replaceChildren(...(state.state === 'failed' ? [failureNote({ got: state.message })] : []));
  }

  private ask(method: 'load_recognizer' | 'unload_recognizer'): void {
    void this.failures.during(() => this.host.channel.call(method, {}));
  }
}

/** Details of a state: size and license before a download, memory when it is loaded. */
export function detailOf({ state, download, license, memory, message, done, total }: ReviewState): string {
  if (state === 'missing') return t('review.install', { command: message });
  if (state === 'download')
    return download && license
      ? t('review.size_and_license', { size: bytes(download), license })
      : t('review.unknown_size');
  if (state === 'listening') return t('review.listening_of', { done: Math.min(done + 1, total), total });
  return state === 'ready' && memory ? bytes(memory) : '';
}
