/** The room's head: which project this is, and which model speaks. */

import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { button, type Tone } from '../ui/elements';
import { icon } from '../ui/icons';
import { popover } from '../ui/popover';
import { watch } from '../ui/watch';
import type { ModelState } from '../host/traits';
import { keyTable, type Area } from './shortcuts';

export interface Header {
  openHelp(): void;
  dispose(): void;
}

const TONES: Partial<Record<ModelState['state'], Tone>> = { ready: 'good', loading: 'accent', failed: 'danger' };
const WORDS: Record<ModelState['state'], string> = {
  ready: 'loaded',
  loading: 'loading',
  failed: 'failed to load',
  unloaded: 'not loaded',
};

export function mountHeader(root: HTMLElement, host: Host, areas: readonly Area[], showModel: () => void): Header {
  const name = h('h2', { class: 'vvnb-ellipsis' });
  const model = h('button', { type: 'button', class: 'vvnb-badge vvnb-model-badge', onclick: showModel });
  const opener = button({
    label: 'Keyboard',
    icon: 'help',
    bare: true,
    kind: 'quiet',
    size: 'small',
    title: 'Keys (?)',
  });
  const help = popover(opener, 'Keys', () => [h('h3', { class: 'vvnb-key-title' }, 'Keys'), keyTable(areas)]);
  root.append(h('span', { class: 'vvnb-logo' }, icon('wave')), name, model, opener);
  const stop = watch(host, ['project', 'model', 'model_state', 'models'], () => {
    const project = host.get('project');
    const state = host.get('model_state');
    name.textContent = project?.name || 'Studio';
    name.title = project?.path ?? '';
    // The small voice never passes for the large model: what speaks is named wherever one works.
    const id = host.get('model') ?? '';
    const kind = id === 'nano' ? ', the small embedded voice' : '';
    const label = `${id}${kind}`;
    model.replaceChildren(
      icon('chip'),
      h('span', { class: 'vvnb-ellipsis' }, id, h('span', { class: 'vvnb-wide' }, kind)),
    );
    model.setAttribute('aria-label', `Model: ${label}, ${WORDS[state.state]}`);
    model.dataset['tone'] = TONES[state.state] ?? '';
    model.title = `Model: ${label}, ${WORDS[state.state]}${state.message ? ` (${state.message})` : ''}`;
  });
  return {
    openHelp: help.open,
    dispose: stop,
  };
}
