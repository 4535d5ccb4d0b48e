/** Popovers, help behind a "?", and toasts. */

import { h } from './dom';
import { t } from '../strings';
import { button } from './elements';
import { icon } from './icons';

export interface Popover {
  open: () => void;
  close: () => void;
}

/**
 * A panel beside its anchor, in the browser's top layer, so that no notebook cell clips it. A click on the anchor
 * toggles it; Escape and a click elsewhere close it.
 */
export function popover(anchor: HTMLButtonElement, label: string, content: () => Node[]): Popover {
  const element = h('div', { class: 'vvnb-popover', popover: 'auto', role: 'dialog', 'aria-label': label });
  const place = (): void => {
    const from = anchor.getBoundingClientRect();
    const { width, height } = element.getBoundingClientRect();
    const below = from.bottom + 6 + height <= innerHeight || from.top < height + 6;
    const left = Math.min(from.left + from.width / 2 - width / 2, innerWidth - width - 12);
    element.style.left = `${Math.max(12, left)}px`;
    element.style.top = `${below ? from.bottom + 6 : from.top - 6 - height}px`;
  };
  element.addEventListener('toggle', (event) => {
    const open = event.newState === 'open';
    anchor.setAttribute('aria-expanded', String(open));
    if (!open) {
      removeEventListener('scroll', place, true);
      return;
    }
    place();
    addEventListener('scroll', place, { capture: true, passive: true });
    element.querySelector<HTMLElement>('input:checked, input, select, button, a')?.focus();
  });
  element.addEventListener('beforetoggle', (event) => {
    if (event.newState === 'open') element.replaceChildren(...content());
  });
  element.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') event.stopPropagation(); // it only closes the panel
  });
  anchor.setAttribute('aria-haspopup', 'dialog');
  anchor.setAttribute('aria-expanded', 'false');
  anchor.popoverTargetElement = element;
  const attach = (): void => {
    if (!element.isConnected) anchor.after(element);
  };
  anchor.addEventListener('click', attach); // the browser opens it after the listeners ran
  return {
    open() {
      attach();
      element.showPopover();
    },
    close: () => element.hidePopover(),
  };
}

/** A "?" button that explains the label before it. */
export function help(subject: string, ...lines: string[]): HTMLElement {
  const anchor = h(
    'button',
    { type: 'button', class: 'vvnb-help', 'aria-label': t('common.help', { subject }) },
    icon('help'),
  );
  popover(anchor, subject, () => [
    h(
      'div',
      { class: 'vvnb-stack', 'data-tight': true },
      h('strong', null, subject),
      ...lines.map((line) => h('p', null, line)),
    ),
  ]);
  return anchor;
}

/** Messages at the lower edge of the studio, with at most one action. */
export class Toasts {
  readonly element = h('div', { class: 'vvnb-toasts', role: 'status', 'aria-live': 'polite' });

  show(text: string, action?: { label: string; run: () => void }, milliseconds = 8000): void {
    const toast = h('div', { class: 'vvnb-toast' }, h('span', null, text));
    let timer = 0;
    const close = (): void => {
      clearTimeout(timer);
      toast.remove();
    };
    const wait = (): void => {
      clearTimeout(timer);
      timer = window.setTimeout(close, milliseconds);
    };
    if (action) {
      toast.append(
        button({
          label: action.label,
          size: 'small',
          onclick: () => {
            close();
            action.run();
          },
        }),
      );
    }
    toast.append(button({ label: t('common.dismiss'), icon: 'close', bare: true, size: 'small', onclick: close }));
    toast.addEventListener('focusin', () => clearTimeout(timer));
    toast.addEventListener('focusout', wait);
    while (this.element.childElementCount > 1) this.element.firstElementChild!.remove();
    this.element.append(toast);
    wait();
  }
}
