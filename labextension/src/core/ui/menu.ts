/** Menu behind a button: actions in a popover, for the arrow keys. */

import { h } from './dom';
import { icon, type IconName } from './icons';
import { popover, type Popover } from './popover';

export interface MenuItem {
  label: string;
  icon?: IconName;
  /** Keys that do the same, shown beside the label. */
  keys?: string;
  /** Reason why it is not available; shown as its tooltip. */
  disabled?: string;
  /** Show it as the chosen one of its group. */
  checked?: boolean;
  run: () => void;
}

/** Attach a menu to a button; `items` are built each time it opens, null draws a line. */
export function menu(anchor: HTMLButtonElement, label: string, items: () => readonly (MenuItem | null)[]): Popover {
  const panel = popover(anchor, label, () => {
    const list = h('div', { class: 'vvnb-menu', role: 'menu', 'aria-label': label });
    for (const item of items()) {
      list.append(item ? entry(item, () => panel.close()) : h('hr', { role: 'separator' }));
    }
    list.addEventListener('keydown', (event) => {
      const entries = [...list.querySelectorAll<HTMLButtonElement>('button')];
      const at = entries.indexOf(event.target as HTMLButtonElement);
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: entries.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      entries[(to + entries.length) % entries.length]?.focus();
    });
    return [list];
  });
  anchor.setAttribute('aria-haspopup', 'menu');
  return panel;
}

function entry({ label, icon: name, keys, disabled, checked, run }: MenuItem, close: () => void): HTMLElement {
  return h(
    'button',
    {
      type: 'button',
      role: checked === undefined ? 'menuitem' : 'menuitemradio',
      class: 'vvnb-menu-item',
      'aria-checked': checked,
      'aria-disabled': disabled ? true : undefined,
      title: disabled,
      onclick: () => {
        if (disabled) return;
        close();
        run();
      },
    },
    name ? icon(name) : h('span', { class: 'vvnb-icon' }),
    h('span', { class: 'vvnb-grow' }, label),
    keys ? h('kbd', null, keys) : null,
  );
}
