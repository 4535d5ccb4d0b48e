/** Which model speaks, where it runs, and whether it is there. */

import { h } from '../dom';
import type { Host } from '../host';
import { badge, button, Failures, failureNote, freshId, progressBar, type Tone } from '../kit/elements';
import { bytes } from '../kit/format';
import { help } from '../kit/popover';
import { watch } from '../kit/watch';
import type { ModelState, ProjectState } from '../state';

const STATES: Record<ModelState['state'], readonly [string, Tone?]> = {
  unloaded: ['Not loaded'],
  loading: ['Loading…', 'accent'],
  ready: ['Ready', 'good'],
  failed: ['Failed', 'danger'],
};

export function mountModel(root: HTMLElement, host: Host): () => void {
  const failures = new Failures();
  const id = freshId('model');
  const suggestions = h('datalist', { id: freshId('models') });
  const name = h('input', {
    class: 'vvnb-input vvnb-mono',
    id,
    list: suggestions.id,
    spellcheck: 'false',
    autocomplete: 'off',
    placeholder: 'nano, owner/name, or a folder',
    onchange: () => {
      const wanted = name.value.trim();
      if (wanted) host.set('model', wanted);
      else name.value = host.get('model');
    },
  });
  // A datalist shows only what fits the text that is there: the choices appear when the field is emptied.
  const all = button({
    label: 'Show all suggestions',
    icon: 'chevron',
    bare: true,
    onclick: () => {
      name.value = '';
      name.focus();
      try {
        name.showPicker();
      } catch {
        // Not every browser opens it; typing does.
      }
    },
  });
  name.addEventListener('blur', () => (name.value ||= host.get('model')));
  const state = h('div', { class: 'vvnb-row', 'aria-live': 'polite' });
  const bar = progressBar('Loading the model');
  const load = button({ label: 'Load', icon: 'chip', size: 'small', onclick: () => ask('load_model') });
  const unload = button({ label: 'Unload', size: 'small', title: 'Free its memory', onclick: () => ask('unload_model') });
  const ask = (method: 'load_model' | 'unload_model'): void =>
    void failures.during(() => host.channel.call(method, {}));
  const note = h('p', { class: 'vvnb-hint' });
  const fault = h('div', { class: 'vvnb-slot' });
  const section = h(
    'section',
    { class: 'vvnb-field vvnb-model', 'aria-label': 'Model' },
    h(
      'div',
      { class: 'vvnb-label' },
      h('label', { for: id }, 'Model'),
      help(
        'Model',
        'nano is a small voice that comes with this package: it speaks English, on any machine, and is no match for the published models.',
        'Others are given by their name on the Hugging Face hub (owner/name) or as a folder on the kernel’s machine. They want a GPU and several gigabytes.',
      ),
    ),
    h('div', { class: 'vvnb-combobox' }, name, all, suggestions),
    note,
    h('div', { class: 'vvnb-row', 'data-nowrap': true }, h('div', { class: 'vvnb-grow' }, state), load, unload),
    bar.element,
    fault,
    failures.element,
  );
  bar.set(null);
  root.append(section);

  let shown = '';
  const render = (): void => {
    const model = host.get<string>('model');
    const models = host.get<{ id: string; note: string }[]>('models') ?? [];
    const now = host.get<ModelState>('model_state');
    const readOnly = host.get<ProjectState | undefined>('project')?.read_only ?? false;
    const key = JSON.stringify([model, models, now, readOnly]);
    if (key === shown) return;
    shown = key;
    if (document.activeElement !== name) name.value = model;
    suggestions.replaceChildren(...models.map((known) => h('option', { value: known.id }, known.note)));
    note.textContent = models.find((known) => known.id === model)?.note ?? '';
    note.hidden = !note.textContent;
    name.disabled = all.disabled = readOnly;
    const [word, tone] = STATES[now.state];
    const where = now.state === 'ready' ? [now.device, now.dtype, now.memory ? bytes(now.memory) : ''].filter(Boolean).join(' · ') : now.state === 'failed' ? '' : now.message;
    state.replaceChildren(badge(word, tone), h('span', { class: 'vvnb-hint' }, where));
    bar.element.hidden = now.state !== 'loading';
    load.hidden = now.state === 'ready';
    load.disabled = now.state === 'loading';
    unload.hidden = now.state !== 'ready';
    fault.replaceChildren(...(now.state === 'failed' ? [failureNote({ got: now.message })] : []));
  };
  const stop = watch(host, ['model', 'models', 'model_state', 'project'], render);
  return () => {
    stop();
    section.remove();
  };
}
