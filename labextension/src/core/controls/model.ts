/** Which model speaks, where it runs, and whether it is there. */

import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { badge, button, Failures, failureNote, freshId, progressBar, type Tone } from '../ui/elements';
import { bytes } from '../ui/format';
import { help } from '../ui/popover';
import { watch } from '../ui/watch';
import type { ModelState } from '../host/traits';

const STATES: Record<ModelState['state'], readonly [string, Tone?]> = {
  unloaded: ['Not loaded'],
  loading: ['Loading…', 'accent'],
  ready: ['Ready', 'good'],
  failed: ['Failed', 'danger'],
};

const HELP = [
  'nano is a small voice that comes with this package: it speaks English, on any machine, and is no match for the published models.',
  'Others are given by their name on the Hugging Face hub (owner/name) or as a folder on the kernel’s machine. They want a GPU and several gigabytes.',
];

export function mountModel(root: HTMLElement, host: Host): () => void {
  const panel = new ModelPanel(host);
  root.append(panel.element);
  const stop = watch(host, ['model', 'models', 'model_state', 'model_limits', 'project'], () => panel.update());
  return () => {
    stop();
    panel.element.remove();
  };
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
    placeholder: 'nano, owner/name, or a folder',
    onchange: () => this.name.value.trim() && this.host.set('model', this.name.value.trim()),
    onblur: () => (this.name.value ||= this.host.get('model') ?? ''),
  });
  private readonly all = button({
    label: 'Show all suggestions',
    icon: 'chevron',
    bare: true,
    onclick: () => this.suggest(),
  });
  private readonly note = h('p', { class: 'vvnb-hint' });
  private readonly limits = h('ul', { class: 'vvnb-hint vvnb-limits', 'aria-label': 'Limits of the model' });
  private readonly state = h('div', { class: 'vvnb-row', 'aria-live': 'polite' });
  private readonly load = button({ label: 'Load', icon: 'chip', size: 'small', onclick: () => this.ask('load_model') });
  private readonly unload = button({
    label: 'Unload',
    size: 'small',
    title: 'Free its memory',
    onclick: () => this.ask('unload_model'),
  });
  private readonly bar = progressBar('Loading the model');
  private readonly fault = h('div', { class: 'vvnb-slot' });
  private shown = '';

  constructor(private readonly host: Host) {
    this.bar.set(null);
    this.element = h(
      'section',
      { class: 'vvnb-field vvnb-model', 'aria-label': 'Model' },
      h('div', { class: 'vvnb-label' }, h('label', { for: this.id }, 'Model'), help('Model', ...HELP)),
      h('div', { class: 'vvnb-combobox' }, this.name, this.all, this.suggestions),
      this.note,
      this.limits,
      h(
        'div',
        { class: 'vvnb-row', 'data-nowrap': true },
        h('div', { class: 'vvnb-grow' }, this.state),
        this.load,
        this.unload,
      ),
      this.bar.element,
      this.fault,
      this.failures.element,
    );
  }

  update(): void {
    const model = this.host.get('model') ?? '';
    const models = this.host.get('models') ?? [];
    const now = this.host.get('model_state');
    const readOnly = this.host.get('project')?.read_only ?? false;
    const limits = this.host.get('model_limits')?.sentences ?? [];
    const key = JSON.stringify([model, models, now, limits, readOnly]);
    if (key === this.shown) return;
    this.shown = key;
    if (document.activeElement !== this.name) this.name.value = model;
    this.suggestions.replaceChildren(...models.map((known) => h('option', { value: known.id }, known.note)));
    this.note.textContent = models.find((known) => known.id === model)?.note ?? '';
    this.note.hidden = !this.note.textContent;
    this.limits.replaceChildren(...limits.map((words) => h('li', null, words)));
    this.limits.hidden = !limits.length;
    this.name.disabled = this.all.disabled = readOnly;
    this.showState(now);
  }

  private showState({ state, device, dtype, memory, message }: ModelState): void {
    const [word, tone] = STATES[state];
    const where = [device, dtype, memory ? bytes(memory) : '', message].filter(Boolean).join(' · ');
    const words = { ready: where, failed: '', loading: message, unloaded: message }[state];
    this.state.replaceChildren(badge(word, tone), h('span', { class: 'vvnb-hint' }, words));
    this.bar.element.hidden = state !== 'loading';
    this.load.hidden = state === 'ready';
    this.load.disabled = state === 'loading';
    this.unload.hidden = state !== 'ready';
    this.fault.replaceChildren(...(state === 'failed' ? [failureNote({ got: message })] : []));
  }

  /** A datalist shows only what fits the text that is there: it shows everything when the field is empty. */
  private suggest(): void {
    this.name.value = '';
    this.name.focus();
    try {
      this.name.showPicker();
    } catch {
      // Not every browser opens it; typing does.
    }
  }

  private ask(method: 'load_model' | 'unload_model'): void {
    void this.failures.during(() => this.host.channel.call(method, {}));
  }
}
