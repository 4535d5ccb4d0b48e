/** Model panel: name, device, state, limits. */

import { h } from '../ui/dom';
import type { Host } from '../host/host';
import {
  badge,
  button,
  Failures,
  failureNote,
  freshId,
  progressBar,
  relabel,
  suggestAll,
  type Tone,
} from '../ui/elements';
import { bytes } from '../ui/format';
import { help } from '../ui/popover';
import { Disposers, type Dispose } from '../ui/disposers';
import { watch } from '../ui/watch';
import type { ModelState } from '../host/traits';
import { t, type TextKey } from '../strings';

const STATES = {
  unloaded: { label: 'controls.not_loaded', tone: undefined },
  loading: { label: 'controls.loading', tone: 'accent' },
  ready: { label: 'controls.ready', tone: 'good' },
  failed: { label: 'controls.failed', tone: 'danger' },
} as const satisfies Record<ModelState['state'], { label: TextKey; tone: Tone | undefined }>;

const SERVER_STATES = {
  unloaded: 'controls.not_connected',
  loading: 'controls.connecting',
  ready: 'controls.connected',
  failed: 'controls.failed',
} as const satisfies Record<ModelState['state'], TextKey>;

export function mountModel(root: HTMLElement, host: Host): Dispose {
  const panel = new ModelPanel(host);
  const disposers = new Disposers();
  root.append(panel.element);
  disposers.add(
    watch(host, ['model', 'models', 'model_state', 'model_limits', 'project_state'], () => panel.update()),
    () => panel.element.remove(),
  );
  return disposers.dispose;
}

class ModelPanel {
  readonly element: HTMLElement;
  private readonly failures = new Failures();
  private readonly id = freshId('model');
  private readonly suggestions = h('datalist', { id: freshId('models') });
  private readonly name: HTMLInputElement = h('input', {
    class: 'vvnb-input vvnb-mono',
    id: this.id,
    list: this.suggestions.id,
    spellcheck: 'false',
    autocomplete: 'off',
    placeholder: t('controls.model_placeholder'),
    onchange: () => this.name.value.trim() && this.host.set('model', this.name.value.trim()),
    onblur: () => (this.name.value ||= this.host.get('model') ?? ''),
  });
  private readonly all = button({
    label: t('controls.show_all_models'),
    icon: 'chevron',
    bare: true,
    onclick: () => suggestAll(this.name),
  });
  private readonly note = h('p', { class: 'vvnb-hint' });
  private readonly limits = h('ul', { class: 'vvnb-hint vvnb-limits', 'aria-label': t('controls.model_limits') });
  private readonly state = h('div', { class: 'vvnb-row', 'aria-live': 'polite' });
  private readonly load = button({
    label: t('controls.load'),
    icon: 'chip',
    size: 'small',
    onclick: () => this.connect(),
  });
  private readonly unload = button({
    label: t('controls.unload'),
    size: 'small',
    title: t('controls.unload_hint'),
    onclick: () => this.ask('unload_model'),
  });
  private readonly bar = progressBar(t('controls.loading_bar'));
  private readonly tokenId = freshId('token');
  private readonly token: HTMLInputElement = h('input', {
    class: 'vvnb-input vvnb-mono',
    id: this.tokenId,
    type: 'password',
    autocomplete: 'off',
  });
  // A form, so that Enter connects; the token is sent as a message, and is no trait that a notebook saves.
  private readonly access = h(
    'form',
    {
      class: 'vvnb-field vvnb-token',
      onsubmit: (event: Event) => {
        event.preventDefault();
        this.connect();
      },
    },
    h('label', { class: 'vvnb-label', for: this.tokenId }, t('controls.token')),
    this.token,
    h('p', { class: 'vvnb-hint' }, t('controls.token_hint')),
  );
  private readonly failure = h('div', { class: 'vvnb-slot' });
  private shown = '';

  constructor(private readonly host: Host) {
    this.bar.set(null);
    this.element = h(
      'section',
      { class: 'vvnb-field vvnb-model', 'aria-label': t('controls.model') },
      h(
        'div',
        { class: 'vvnb-label' },
        h('label', { for: this.id }, t('controls.model')),
        help(
          t('controls.model'),
          t('controls.model_help_nano'),
          t('controls.model_help_others'),
          t('controls.model_help_server'),
        ),
      ),
      h('div', { class: 'vvnb-combobox' }, this.name, this.all, this.suggestions),
      this.note,
      this.limits,
      this.access,
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
  }

  update(): void {
    const model = this.host.get('model') ?? '';
    const models = this.host.get('models') ?? [];
    const state = this.host.get('model_state');
    const readOnly = this.host.get('project_state')?.read_only ?? false;
    const limits = this.host.get('model_limits')?.sentences ?? [];
    const key = JSON.stringify([model, models, state, limits, readOnly]);
    if (key === this.shown) return;
    this.shown = key;
    if (document.activeElement !== this.name) this.name.value = model;
    this.suggestions.replaceChildren(...models.map((known) => h('option', { value: known.id }, known.note)));
    this.note.textContent = models.find((known) => known.id === model)?.note ?? '';
    this.note.hidden = !this.note.textContent;
    this.limits.replaceChildren(...limits.map((sentence) => h('li', null, sentence)));
    this.limits.hidden = !limits.length;
    this.name.disabled = this.all.disabled = readOnly;
    this.showState(state);
  }

  private showState({ state, device, dtype, memory, message, server }: ModelState): void {
    const { tone } = STATES[state];
    const label = server ? SERVER_STATES[state] : STATES[state].label;
    const queue = server?.position
      ? t('controls.queue_place', { position: server.position, waiting: server.waiting })
      : '';
    const where = [server?.model, device, dtype, memory ? bytes(memory) : '', message, queue]
      .filter(Boolean)
      .join(' · ');
    this.access.hidden = !server || state === 'ready';
    relabel(this.load, t(server ? 'controls.connect' : 'controls.load'), 'chip');
    this.unload.textContent = t(server ? 'controls.disconnect' : 'controls.unload');
    this.unload.title = t(server ? 'controls.disconnect_hint' : 'controls.unload_hint');
    const detail = { ready: where, failed: '', loading: message, unloaded: message }[state];
    this.state.replaceChildren(badge(t(label), tone), h('span', { class: 'vvnb-hint' }, detail));
    this.bar.element.hidden = state !== 'loading';
    this.load.hidden = state === 'ready';
    this.load.disabled = state === 'loading';
    this.unload.hidden = state !== 'ready';
    this.failure.replaceChildren(...(state === 'failed' ? [failureNote({ got: message })] : []));
  }

  /** Load the model; with a token in the field, connect to the server with it. */
  private connect(): void {
    const token = this.access.hidden ? '' : this.token.value;
    this.token.value = '';
    if (token) void this.failures.during(() => this.host.channel.call('give_token', { token }));
    else this.ask('load_model');
  }

  private ask(method: 'load_model' | 'unload_model'): void {
    void this.failures.during(() => this.host.channel.call(method, {}));
  }
}
