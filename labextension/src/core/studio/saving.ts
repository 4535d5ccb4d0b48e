/** A project that can't be saved: why, and what can be done about it. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { button, Failures, note } from '../ui/elements';
import { watch } from '../ui/watch';
import type { SaveAction } from '../host/traits';

export function mountSaving(root: HTMLElement, host: Host, bus: Bus): () => void {
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
      'aria-label': 'Folder of the copy',
    });
    const save = (): void => void busy(() => host.channel.call('save_copy', { path: path.value }));
    const form = h(
      'div',
      { class: 'vvnb-row', 'data-nowrap': true, hidden: true },
      path,
      button({ label: 'Save copy', icon: 'check', size: 'small', onclick: save }),
    );
    path.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') save();
    });
    return form;
  };
  const render = (): void => {
    const { name = '', problem = '', unsaved = false, actions = [] } = host.get('project') ?? {};
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
          label: 'Recreate here',
          icon: 'folder',
          kind: 'primary',
          size: 'small',
          title: 'Make the folder again, with the script, the voices and the settings shown here',
          onclick: () => void busy(() => host.channel.call('recreate_project', {})),
        }),
      retry: () =>
        button({
          label: 'Try again',
          icon: 'undo',
          kind: 'primary',
          size: 'small',
          title: 'Save what is shown',
          onclick: () => void busy(() => host.channel.call('save_again', {})),
        }),
      save_copy: () =>
        button({
          label: 'Save a copy elsewhere',
          icon: 'file',
          size: 'small',
          title: 'Save the project under another name, and go on with that',
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
          h('div', null, h('strong', null, 'This project is not saved. '), problem.replace(/\.?$/, '.')),
          unsaved
            ? h(
                'div',
                null,
                'The script shown here is not in the project’s folder. Keep this page open until it is saved.',
              )
            : null,
          h('div', { class: 'vvnb-row' }, ...actions.map((action) => choices[action]())),
          form,
          failures.element,
        ),
      ]),
    );
  };
  const stop = watch(host, ['project'], render);
  const off = bus.on('unsaved', () => {
    place.scrollIntoView({ block: 'nearest' });
    place.querySelector('button')?.focus({ preventScroll: true });
  });
  return () => {
    stop();
    off();
    place.remove();
  };
}
