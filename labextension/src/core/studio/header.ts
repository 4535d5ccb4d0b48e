/** The room's head: which project this is, and which model speaks. */

import { h } from '../dom';
import type { Host } from '../host';
import { badge, button, type Tone } from '../kit/elements';
import { icon } from '../kit/icons';
import { popover } from '../kit/popover';
import { watch } from '../kit/watch';
import type { ModelState, ProjectState } from '../state';
import { keyTable, type Area } from './shortcuts';

export interface Header {
  openHelp(): void;
  dispose(): void;
}

const TONES: Partial<Record<ModelState['state'], Tone>> = { ready: 'good', loading: 'accent', failed: 'danger' };
const WORDS: Record<ModelState['state'], string> = { ready: 'loaded', loading: 'loading', failed: 'failed to load', unloaded: 'not loaded' };

export function mountHeader(root: HTMLElement, host: Host, areas: readonly Area[]): Header {
  const name = h('h2', { class: 'vvnb-ellipsis' });
  const model = h('div', { class: 'vvnb-row', 'data-tight': true });
  const opener = button({ label: 'Keyboard', icon: 'help', bare: true, kind: 'quiet', size: 'small', title: 'Keys (?)' });
  const help = popover(opener, 'Keys', () => [h('h3', { class: 'vvnb-key-title' }, 'Keys'), keyTable(areas)]);
  root.append(h('span', { class: 'vvnb-logo' }, icon('wave')), name, model, opener);
  const stop = watch(host, ['project', 'model', 'model_state', 'models'], () => {
    const project = host.get<ProjectState>('project');
    const state = host.get<ModelState>('model_state');
    name.textContent = project.name || 'Studio';
    name.title = project.path;
    // The small voice never passes for the large model: what speaks is named wherever one works.
    const id = host.get<string>('model');
    const label = id === 'nano' ? 'nano, the small embedded voice' : id;
    model.replaceChildren(badge(h('span', { class: 'vvnb-model-badge' }, icon('chip'), h('span', { class: 'vvnb-ellipsis' }, label)), TONES[state.state], `Model: ${label}, ${WORDS[state.state]}`));
  });
  return {
    openHelp: help.open,
    dispose: stop,
  };
}
