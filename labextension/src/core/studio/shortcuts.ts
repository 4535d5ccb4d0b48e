/** The studio's keys. They are heard before what has the focus, so that they work from everywhere in it. */

import { h } from '../ui/dom';
import type { Bus } from '../host/host';

export interface Area {
  label: string;
  element: HTMLElement;
  /** Bring it to the front, when it is behind a tab. */
  show?: () => void;
}

const apple = (): boolean => /Mac|iPhone|iPad/.test(navigator.platform);

/** The keys as a table, for the help behind "?". */
export function keyTable(areas: readonly Area[]): HTMLElement {
  const [control, alt] = apple() ? ['⌘', '⌥'] : ['Ctrl', 'Alt'];
  const rows: [string[], string][] = [
    [[control, 'Enter'], 'Generate what is missing'],
    [['Esc'], 'Stop generating'],
    ...areas.map((area, at): [string[], string] => [[alt, String(at + 1)], area.label]),
    [['?'], 'These keys'],
  ];
  return h(
    'dl',
    { class: 'vvnb-keys vvnb-key-table' },
    ...rows.flatMap(([keys, words]) => [
      h('dt', null, ...keys.map((key) => h('kbd', null, key))),
      h('dd', null, words),
    ]),
  );
}

const FOCUSABLE =
  '.cm-content, [role="tab"][tabindex="0"], [role="option"][tabindex="0"], input:not([hidden], [type="file"]), select, button:not(:disabled)';

export function focusArea({ element, show }: Area): void {
  show?.();
  const target = [...element.querySelectorAll<HTMLElement>(FOCUSABLE)].find(
    (candidate) => candidate.offsetParent !== null,
  );
  target?.focus();
  element.scrollIntoView({ block: 'nearest' });
}

const isText = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    target.matches('textarea, select, input:not([type="checkbox"], [type="radio"], [type="range"], [type="color"])'));

/** Listen for the studio's keys; returns how to stop. */
export function areaKeys(studio: HTMLElement, bus: Bus, areas: readonly Area[], openHelp: () => void): () => void {
  const early = (event: KeyboardEvent): void => {
    const area = /^Digit([1-9])$/.exec(event.code);
    if ((event.ctrlKey || event.metaKey) && event.key === 'Enter') {
      // The editor sends what was just typed first, then says the same.
      if ((event.target as HTMLElement).closest?.('.cm-editor')) return;
      bus.emit('act', { action: 'generate' });
    } else if (event.altKey && !event.ctrlKey && area && areas[Number(area[1]) - 1])
      focusArea(areas[Number(area[1]) - 1]!);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  // What is open (a menu, a search, a popover) has the first word about Escape.
  const late = (event: KeyboardEvent): void => {
    if (event.defaultPrevented) return;
    if (isText(event.composedPath()[0] ?? null)) return; // Escape and "?" mean something of their own there
    if (event.key === 'Escape') bus.emit('act', { action: 'stop' });
    else if (event.key === '?') openHelp();
  };
  studio.addEventListener('keydown', early, true);
  studio.addEventListener('keydown', late);
  return () => {
    studio.removeEventListener('keydown', early, true);
    studio.removeEventListener('keydown', late);
  };
}
