/** Popovers, help behind a "?", and toasts. */

import { h } from './dom';
import { t } from '../strings';
import { button } from './elements';
import { icon } from './icons';

export interface Popover {
  open: () => void;
  close: () => void;
}

export interface Panel extends Popover {
  readonly element: HTMLElement;
}

/**
 * A panel beside a place on the page, in the browser's top layer, so that no notebook cell clips it. Escape and a
 * click elsewhere close it. Its owner attaches `element` to the page.
 */
export function panel(
  label: string,
  content: () => Node[],
  from: () => DOMRect,
  ontoggle: (open: boolean) => void,
): Panel {
  const element = h('div', { class: 'vvnb-popover', popover: 'auto', role: 'dialog', 'aria-label': label });
  const place = (): void => {
    const at = from();
    const { width, height } = element.getBoundingClientRect();
    const below = at.bottom + 6 + height <= innerHeight || at.top < height + 6;
    const left = Math.min(at.left + at.width / 2 - width / 2, innerWidth - width - 12);
    const top = Math.min(below ? at.bottom + 6 : at.top - 6 - height, innerHeight - height - 12);
    element.style.left = `${Math.max(12, left)}px`;
    element.style.top = `${Math.max(12, top)}px`;
  };
  let resized: ResizeObserver | null = null; // its content may change while it is open
  element.addEventListener('toggle', (event) => {
    const open = event.newState === 'open';
    ontoggle(open);
    if (!open) {
      removeEventListener('scroll', place, true);
      removeEventListener('resize', place);
      resized?.disconnect();
      return;
    }
    place();
    addEventListener('scroll', place, { capture: true, passive: true });
    addEventListener('resize', place);
    resized = new ResizeObserver(place);
    resized.observe(element);
    const first = ['[autofocus]', 'input:checked, input, select, button, a'];
    const target = first.map((selector) => element.querySelector<HTMLElement>(selector)).find(Boolean);
    element.tabIndex = target ? -1 : 0; // text alone is scrolled with the arrow keys
    (target ?? element).focus();
  });
  element.addEventListener('beforetoggle', (event) => {
    if (event.newState === 'open') element.replaceChildren(...content());
  });
  element.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') event.stopPropagation(); // it only closes the panel
  });
  return { element, open: () => element.showPopover(), close: () => element.hidePopover() };
}

/** A panel beside its anchor; a click on the anchor toggles it, and `onclose` is called when it closes. */
export function popover(
  anchor: HTMLButtonElement,
  label: string,
  content: () => Node[],
  onclose?: () => void,
): Popover {
  const { element, open, close } = panel(
    label,
    content,
    () => anchor.getBoundingClientRect(),
    (isOpen) => {
      anchor.setAttribute('aria-expanded', String(isOpen));
      if (!isOpen) onclose?.();
    },
  );
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
      open();
    },
    close,
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
