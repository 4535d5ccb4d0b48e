/** Settings of listening back: when, the recognizer, and its state. */

import type { Host } from '../host/host';
import type { ListenBack, ReviewState } from '../host/traits';
import { t, type TextKey } from '../strings';
import { h } from '../ui/dom';
import { Disposers, type Dispose } from '../ui/disposers';
import { segments, type Tone } from '../ui/elements';
import { bytes } from '../ui/format';
import { LoadableField } from '../ui/loadable_field';
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
  private readonly field: LoadableField;
  private readonly recognizer: HTMLElement;

  constructor(private readonly host: Host) {
    this.field = new LoadableField({
      label: t('review.recognizer'),
      help: [t('review.recognizer_help')],
      placeholder: t('review.recognizer_placeholder'),
      maxLength: 500,
      showAll: t('review.show_all'),
      loading: t('review.loading_bar'),
      current: () => host.get('recognizer') ?? '',
      choose: (name) => host.set('recognizer', name),
      load: () => host.channel.call('load_recognizer', {}),
      unload: () => host.channel.call('unload_recognizer', {}),
    });
    this.field.unload.textContent = t('review.unload_button');
    this.field.unload.title = t('review.unload_hint');
    this.recognizer = h('div', { class: 'vvnb-field' }, ...this.field.elements);
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
    const readOnly = host.get('project_state')?.read_only ?? false;
    const listenBack = host.get('listen_back');
    this.element.hidden = listenBack === undefined;
    this.when.set(listenBack ?? 'off');
    this.recognizer.hidden = listenBack === 'off';
    this.field.showName(host.get('recognizer') ?? '', host.get('recognizers') ?? [], readOnly);
    for (const input of this.when.element.querySelectorAll('input')) input.disabled = readOnly;
    this.showState(host.get('review_state'));
  }

  private showState(state: ReviewState | undefined): void {
    if (!state) return;
    const { load, unload } = this.field;
    load.textContent = t(state.state === 'download' ? 'review.download_button' : 'review.load_button');
    load.hidden = !['download', 'available', 'failed'].includes(state.state);
    unload.hidden = state.state !== 'ready';
    const { label, tone } = STATES[state.state];
    this.field.showState({
      label: t(label),
      tone,
      detail: detailOf(state),
      loading: state.state === 'loading',
      failure: state.state === 'failed' ? state.message : '',
    });
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
