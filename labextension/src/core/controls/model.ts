/** Model panel: name, device, state, limits. */

import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { freshId, relabel, type Tone } from '../ui/elements';
import { bytes } from '../ui/format';
import { Disposers, type Dispose } from '../ui/disposers';
import { LoadableField } from '../ui/loadable_field';
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
  private readonly limits = h('ul', { class: 'vvnb-hint vvnb-limits', 'aria-label': t('controls.model_limits') });
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
        this.field.load.click();
      },
    },
    h('label', { class: 'vvnb-label', for: this.tokenId }, t('controls.token')),
    this.token,
    h('p', { class: 'vvnb-hint' }, t('controls.token_hint')),
  );
  private readonly field: LoadableField;
  private shown = '';

  constructor(private readonly host: Host) {
    this.field = new LoadableField({
      label: t('controls.model'),
      help: [t('controls.model_help_nano'), t('controls.model_help_others'), t('controls.model_help_server')],
      placeholder: t('controls.model_placeholder'),
      showAll: t('controls.show_all_models'),
      loading: t('controls.loading_bar'),
      current: () => host.get('model') ?? '',
      choose: (name) => host.set('model', name),
      load: () => this.connect(),
      unload: () => host.channel.call('unload_model', {}),
      details: [this.limits, this.access],
    });
    this.element = h(
      'section',
      { class: 'vvnb-field vvnb-model', 'aria-label': t('controls.model') },
      ...this.field.elements,
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
    this.field.showName(model, models, readOnly);
    this.limits.replaceChildren(...limits.map((sentence) => h('li', null, sentence)));
    this.limits.hidden = !limits.length;
    this.showState(state);
  }

  private showState({ state, device, dtype, memory, message, server }: ModelState): void {
    const { load, unload } = this.field;
    const { tone } = STATES[state];
    const label = server ? SERVER_STATES[state] : STATES[state].label;
    const queue = server?.position
      ? t('controls.queue_place', { position: server.position, waiting: server.waiting })
      : '';
    const where = [server?.model, device, dtype, memory ? bytes(memory) : '', message, queue]
      .filter(Boolean)
      .join(' · ');
    this.access.hidden = !server || state === 'ready';
    relabel(load, t(server ? 'controls.connect' : 'controls.load'), 'chip');
    unload.textContent = t(server ? 'controls.disconnect' : 'controls.unload');
    unload.title = t(server ? 'controls.disconnect_hint' : 'controls.unload_hint');
    load.hidden = state === 'ready';
    load.disabled = state === 'loading';
    unload.hidden = state !== 'ready';
    this.field.showState({
      label: t(label),
      tone,
      detail: { ready: where, failed: '', loading: message, unloaded: message }[state],
      loading: state === 'loading',
      failure: state === 'failed' ? message : '',
    });
  }

  /** Load the model; with a token in the field, connect to the server with it. */
  private connect(): Promise<unknown> {
    const token = this.access.hidden ? '' : this.token.value;
    this.token.value = '';
    const { channel } = this.host;
    return token ? channel.call('give_token', { token }) : channel.call('load_model', {});
  }
}
