/** Message about a project that cannot be saved, with actions. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { t } from '../strings';
import { Disposers, type Dispose } from '../ui/disposers';
import { button, Failures, note } from '../ui/elements';
import { watch } from '../ui/watch';
import type { SaveAction } from '../host/traits';

export function mountSaving(root: HTMLElement, host: Host, bus: Bus): Dispose {
  const failures = new Failures();
  const place = h('div', { class: 'vvnb-slot' });
  root.append(place);
  let shown = '';

  const busy = async (call: () => Promise<unknown>): Promise<void> => {
    const buttons = [...place.querySelectorAll('button')];
    for (const one of buttons) one.disabled = true;
    await failures.during(call);
    for (const one of buttons) one.disabled = false;
  };
  const copying = (name: string): HTMLElement => {
    const path = h('input', {
      class: 'vvnb-input',
      type: 'text',
      value: `${name}-copy`,
      'aria-label': t('studio.copy_folder'),
    });
    const save = (): void => void busy(() => host.channel.call('save_copy', { path: path.value }));
    const form = h(
      'div',
      { class: 'vvnb-row', 'data-nowrap': true, hidden: true },
      path,
      button({ label: t('studio.save_copy'), icon: 'check', size: 'small', onclick: save }),
    );
    path.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') save();
    });
    return form;
  };
  const render = (): void => {
    const { name = '', problem = '', unsaved = false, actions = [] } = host.get('project_state') ?? {};
    const now = JSON.stringify([name, problem, unsaved, actions]);
    if (now === shown) return;
    shown = now;
    failures.clear();
    if (!problem) {
      place.replaceChildren();
      return;
    }
    const form = copying(name);
    const choices: Record<SaveAction, () => HTMLElement> = {
      recreate: () =>
        button({
          label: t('studio.recreate'),
          icon: 'folder',
          kind: 'primary',
          size: 'small',
          title: t('studio.recreate_hint'),
          onclick: () => void busy(() => host.channel.call('recreate_project', {})),
        }),
      retry: () =>
        button({
          label: t('studio.retry'),
          icon: 'undo',
          kind: 'primary',
          size: 'small',
          title: t('studio.retry_hint'),
          onclick: () => void busy(() => host.channel.call('retry_save', {})),
        }),
      save_copy: () =>
        button({
          label: t('studio.save_copy_elsewhere'),
          icon: 'file',
          size: 'small',
          title: t('studio.save_copy_hint'),
          onclick: () => {
            form.hidden = !form.hidden;
            if (!form.hidden) form.querySelector('input')!.focus();
          },
        }),
    };
    place.replaceChildren(
      note('danger', [
        h(
          'div',
          { class: 'vvnb-stack' },
          h('div', null, h('strong', null, t('studio.not_saved')), ` ${problem.replace(/\.?$/, '.')}`),
          unsaved ? h('div', null, t('studio.script_not_saved')) : null,
          h('div', { class: 'vvnb-row' }, ...actions.map((action) => choices[action]())),
          form,
          failures.element,
        ),
      ]),
    );
  };
  const disposers = new Disposers();
  disposers.add(
    watch(host, ['project_state'], render),
    bus.on('unsaved', () => {
      place.scrollIntoView({ block: 'nearest' });
      place.querySelector('button')?.focus({ preventScroll: true });
    }),
    () => place.remove(),
  );
  return disposers.dispose;
}
