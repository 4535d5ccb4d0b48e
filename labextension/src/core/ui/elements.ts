/** Basic elements of the interface, with their behavior; their style is in styles/. */

import { h, type Child, type Props } from './dom';
import { t } from '../strings';
import { icon, type IconName } from './icons';

export interface ButtonOptions {
  label: string;
  icon?: IconName;
  kind?: 'primary' | 'quiet' | 'danger' | 'link';
  size?: 'small';
  /** Show only the icon, with the label as accessible name and tooltip. */
  bare?: boolean;
  title?: string;
  pressed?: boolean;
  disabled?: boolean;
  onclick?: (event: MouseEvent) => void;
}

export function button(options: ButtonOptions): HTMLButtonElement {
  const { label, bare = false } = options;
  const props: Props = {
    type: 'button',
    class: 'vvnb-button',
    'data-kind': options.kind,
    'data-size': options.size,
    'data-icon': bare,
    'aria-label': bare ? label : undefined,
    'aria-pressed': options.pressed,
    title: options.title ?? (bare ? label : undefined),
    disabled: options.disabled,
  };
  if (options.onclick) props.onclick = options.onclick;
  return h('button', props, options.icon && icon(options.icon), !bare && label);
}

/** Change a button's label and icon; it keeps the focus. */
export function relabel(element: HTMLButtonElement, label: string, name: IconName): void {
  if (element.dataset['now'] === `${name} ${label}`) return;
  element.dataset['now'] = `${name} ${label}`;
  const bare = element.hasAttribute('data-icon');
  element.replaceChildren(icon(name), ...(bare ? [] : [label]));
  if (bare) {
    element.setAttribute('aria-label', label);
    element.title = label;
  }
}

export type Tone = 'accent' | 'good' | 'warning' | 'danger';

export function badge(text: Child, tone?: Tone, title?: string): HTMLSpanElement {
  return h('span', { class: 'vvnb-badge', 'data-tone': tone, title }, text);
}

const TONE_ICONS: Record<Tone, IconName> = { accent: 'info', good: 'check', warning: 'alert', danger: 'alert' };

/** A message with an icon; `onclose` adds a button that dismisses it. */
export function note(tone: Tone, content: Child[], onclose?: () => void): HTMLDivElement {
  return h(
    'div',
    { class: 'vvnb-note', 'data-tone': tone, role: tone === 'danger' ? 'alert' : null },
    icon(TONE_ICONS[tone]),
    h('div', { class: 'vvnb-grow' }, ...content),
    onclose &&
      button({ label: t('common.dismiss'), icon: 'close', bare: true, size: 'small', kind: 'quiet', onclick: onclose }),
  );
}

/** A failure in words: what is wrong, what was expected, how to fix it. */
export interface Failure {
  got: string;
  expected?: string;
  remedy?: string;
}

export function failureOf(error: unknown): Failure {
  const fields = error as Partial<Record<'got' | 'expected' | 'remedy' | 'message', unknown>>;
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return {
    got: text(fields?.got) || text(fields?.message) || String(error),
    expected: text(fields?.expected),
    remedy: text(fields?.remedy),
  };
}

const withoutStop = (text: string): string => text.trim().replace(/[.。]$/, '');

const sentence = (text: string): string => {
  const whole = withoutStop(text);
  return whole && `${whole[0]!.toUpperCase()}${whole.slice(1)}.`;
};

export function failureNote(failure: Failure, onclose?: () => void): HTMLDivElement {
  return note(
    'danger',
    [
      h('div', null, h('strong', null, sentence(failure.got))),
      failure.expected ? h('div', null, t('common.expected', { text: withoutStop(failure.expected) })) : null,
      failure.remedy ? h('div', null, t('common.remedy', { text: withoutStop(failure.remedy) })) : null,
    ],
    onclose,
  );
}

/** Place for the latest failure, announced when it appears. */
export class Failures {
  readonly element = h('div', { class: 'vvnb-failures' });

  show(error: unknown): void {
    this.element.replaceChildren(failureNote(failureOf(error), () => this.clear()));
  }

  clear(): void {
    this.element.replaceChildren();
  }

  /** Run something and show what it throws; return true if it succeeded. */
  async during(work: () => Promise<unknown>): Promise<boolean> {
    this.clear();
    try {
      await work();
      return true;
    } catch (error) {
      this.show(error);
      return false;
    }
  }
}

let serial = 0;

/** An id that is unique in the page, also among other widgets. */
export function freshId(word: string): string {
  serial += 1;
  return `vvnb-${word}-${serial}-${Math.random().toString(36).slice(2, 7)}`;
}

export interface Segments<T extends string> {
  element: HTMLElement;
  set(value: T): void;
}

/** A choice of a few values: radio buttons that look like one control. */
export function segments<T extends string>(
  legend: string,
  choices: readonly (readonly [T, string, string?])[],
  onchange: (value: T) => void,
): Segments<T> {
  const name = freshId('choice');
  const inputs = new Map<T, HTMLInputElement>();
  const labels = choices.map(([value, label, title]) => {
    const input = h('input', { type: 'radio', name, value, onchange: () => onchange(value) });
    inputs.set(value, input);
    return h('label', { title }, input, h('span', null, label));
  });
  return {
    element: h('div', { class: 'vvnb-segments', role: 'radiogroup', 'aria-label': legend }, ...labels),
    set(value) {
      for (const [key, input] of inputs) input.checked = key === value;
    },
  };
}

export interface Check {
  element: HTMLLabelElement;
  input: HTMLInputElement;
}

export function check(label: Child, onchange: (on: boolean) => void): Check {
  const input = h('input', { type: 'checkbox', onchange: () => onchange(input.checked) });
  return { element: h('label', { class: 'vvnb-check' }, input, h('span', null, label)), input };
}

export function progressBar(label: string): { element: HTMLElement; set(done: number | null): void } {
  const element = h('div', { class: 'vvnb-progress', role: 'progressbar', 'aria-label': label }, h('i'));
  element.setAttribute('aria-valuemin', '0');
  element.setAttribute('aria-valuemax', '100');
  return {
    element,
    set(done) {
      element.toggleAttribute('data-busy', done === null);
      if (done === null) {
        element.removeAttribute('aria-valuenow');
        return;
      }
      const fraction = Math.min(1, Math.max(0, done || 0));
      element.style.setProperty('--done', fraction.toFixed(4));
      element.setAttribute('aria-valuenow', String(Math.round(fraction * 100)));
    },
  };
}

export interface Tab {
  id: string;
  label: string;
  icon?: IconName;
  panel: HTMLElement;
}

export interface Tabs {
  list: HTMLElement;
  select(id: string, focus?: boolean): void;
  selected(): string;
  /** Show a word or number after a tab's label. */
  mark(id: string, text: string, tone?: Tone, title?: string): void;
}

/** A row of tabs, by the ARIA pattern: arrow keys, Home and End move. */
export function tabs(label: string, items: readonly Tab[], onselect?: (id: string) => void): Tabs {
  let current = items[0]!.id;
  const marks = new Map<string, HTMLElement>();
  const heads = items.map((item) => {
    const mark = h('span', { hidden: true });
    marks.set(item.id, mark);
    const head = h(
      'button',
      { type: 'button', role: 'tab', class: 'vvnb-tab', id: freshId('tab'), onclick: () => select(item.id) },
      item.icon && icon(item.icon),
      item.label,
      mark,
    );
    item.panel.id ||= freshId('panel');
    item.panel.setAttribute('role', 'tabpanel');
    item.panel.setAttribute('aria-labelledby', head.id);
    head.setAttribute('aria-controls', item.panel.id);
    return head;
  });
  const select = (id: string, focus = false): void => {
    current = id;
    items.forEach((item, at) => {
      const on = item.id === id;
      heads[at]!.setAttribute('aria-selected', String(on));
      heads[at]!.tabIndex = on ? 0 : -1;
      item.panel.hidden = !on;
      if (on && focus) heads[at]!.focus();
    });
    onselect?.(id);
  };
  const list = h('div', { class: 'vvnb-tabs', role: 'tablist', 'aria-label': label }, ...heads);
  list.addEventListener('keydown', (event) => {
    const at = items.findIndex((item) => item.id === current);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    select(items[(to + items.length) % items.length]!.id, true);
  });
  select(current);
  return {
    list,
    select,
    selected: () => current,
    mark(id, text, tone, title) {
      const mark = marks.get(id);
      if (!mark) return;
      mark.hidden = !text;
      mark.replaceChildren(...(text ? [badge(text, tone, title)] : []));
    },
  };
}

/** Show all suggestions of a field: a datalist filters by the field's text, so the field is emptied first. */
export function suggestAll(field: HTMLInputElement): void {
  field.value = '';
  field.focus();
  try {
    field.showPicker();
  } catch {
    // Not every browser can open it; typing does.
  }
}
