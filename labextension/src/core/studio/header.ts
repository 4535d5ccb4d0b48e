/** Header of the Studio: project, Generate and its progress, undo, model, and help. */

import { h } from '../ui/dom';
import { mountGenerateBar } from '../controls/generate_bar';
import type { Bus, Host } from '../host/host';
import type { ModelState, ServerState } from '../host/traits';
import { t } from '../strings';
import { Disposers, type Dispose } from '../ui/disposers';
import { button, Failures, type Tone } from '../ui/elements';
import { icon } from '../ui/icons';
import { popover } from '../ui/popover';
import { watch } from '../ui/watch';
import { keyTable, type Area } from './shortcuts';

export interface Header {
  openHelp: () => void;
  dispose: Dispose;
}

const TONES: Partial<Record<ModelState['state'], Tone>> = { ready: 'good', loading: 'accent', failed: 'danger' };

export function mountHeader(
  root: HTMLElement,
  host: Host,
  bus: Bus,
  areas: readonly Area[],
  showModel: () => void,
): Header {
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
  const undo = undoButton(host);
  const end = h('div', { class: 'vvnb-header-end' }, undo.element, model, opener);
  root.append(h('div', { class: 'vvnb-header-name' }, h('span', { class: 'vvnb-logo' }, icon('wave')), name));
  const disposers = new Disposers();
  disposers.add(mountGenerateBar(root, host, bus), undo.dispose);
  root.append(end);
  const stop = watch(host, ['project_state', 'model', 'model_state', 'models'], () => {
    const project = host.get('project_state');
    const { state, message, server } = host.get('model_state');
    name.textContent = project?.name || t('studio.title');
    name.title = project?.path ?? '';
    // The small model never passes for the large one: its name is shown wherever it is in use.
    const id = host.get('model') ?? '';
    const local = id === 'nano' ? t('studio.model_name', { name: id, kind: t('studio.nano') }) : id;
    const shown = server ? serverText(server) : local;
    const label = server ? [shown] : [id, h('span', { class: 'vvnb-wide' }, shown.slice(id.length))];
    model.replaceChildren(icon('chip'), h('span', { class: 'vvnb-ellipsis' }, ...label));
    const words = t(`studio.model_${state}`, { name: shown });
    model.setAttribute('aria-label', words);
    model.dataset['tone'] = TONES[state] ?? '';
    model.title = message ? `${words} (${message})` : words;
  });
  disposers.add(stop);
  return { openHelp: help.open, dispose: disposers.dispose };
}

/** Server, its model, and the place in its queue: "gpu.example.org:8000, nano, position 3 in the queue". */
function serverText({ host, model, position }: ServerState): string {
  const name = model ? t('studio.server_name', { server: host, model }) : host;
  return position ? t('studio.server_place', { name, position }) : name;
}

/** Undo of the last change to cast, takes or settings; its tooltip says which. */
function undoButton(host: Host): { element: HTMLElement; dispose: Dispose } {
  const failures = new Failures();
  const undo = button({
    label: t('studio.undo'),
    icon: 'undo',
    bare: true,
    kind: 'quiet',
    size: 'small',
    onclick: () => void failures.during(() => host.channel.call('undo', {})),
  });
  const dispose = watch(host, ['can_undo', 'project_state'], () => {
    const action = host.get('can_undo') ?? '';
    undo.disabled = !action || (host.get('project_state')?.read_only ?? false);
    undo.title = action ? t('studio.undo_action', { action }) : t('studio.nothing_to_undo');
    undo.setAttribute('aria-label', undo.title);
  });
  return { element: h('div', { class: 'vvnb-undo' }, undo, failures.element), dispose };
}
