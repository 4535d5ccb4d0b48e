/** Header of the Studio: project, model, and help. */

import { h } from '../ui/dom';
import type { Host } from '../host/host';
import type { ModelState } from '../host/traits';
import { t } from '../strings';
import { button, type Tone } from '../ui/elements';
import { icon } from '../ui/icons';
import { popover } from '../ui/popover';
import { watch } from '../ui/watch';
import { keyTable, type Area } from './shortcuts';

export interface Header {
  openHelp: () => void;
  dispose: () => void;
}

const TONES: Partial<Record<ModelState['state'], Tone>> = { ready: 'good', loading: 'accent', failed: 'danger' };

export function mountHeader(root: HTMLElement, host: Host, areas: readonly Area[], showModel: () => void): Header {
  const name = h('h2', { class: 'vvnb-ellipsis' });
  const model = h('button', { type: 'button', class: 'vvnb-badge vvnb-model-badge', onclick: showModel });
  const keys = t('studio.keys');
  const opener = button({
    label: keys,
    icon: 'help',
    bare: true,
    kind: 'quiet',
    size: 'small',
    title: t('studio.keys_hint'),
  });
  const help = popover(opener, keys, () => [h('h3', { class: 'vvnb-key-title' }, keys), keyTable(areas)]);
  root.append(h('span', { class: 'vvnb-logo' }, icon('wave')), name, model, opener);
  const dispose = watch(host, ['project_state', 'model', 'model_state', 'models'], () => {
    const project = host.get('project_state');
    const { state, message } = host.get('model_state');
    name.textContent = project?.name || t('studio.title');
    name.title = project?.path ?? '';
    // The small model never passes for the large one: its name is shown wherever it is in use.
    const id = host.get('model') ?? '';
    const shown = id === 'nano' ? t('studio.model_name', { name: id, kind: t('studio.nano') }) : id;
    model.replaceChildren(
      icon('chip'),
      h('span', { class: 'vvnb-ellipsis' }, id, h('span', { class: 'vvnb-wide' }, shown.slice(id.length))),
    );
    const words = t(`studio.model_${state}`, { name: shown });
    model.setAttribute('aria-label', words);
    model.dataset['tone'] = TONES[state] ?? '';
    model.title = message ? `${words} (${message})` : words;
  });
  return { openHelp: help.open, dispose };
}
