/** Keyboard shortcuts of the Studio, handled before the focused element so that they work everywhere in it. */

import { h } from '../ui/dom';
import type { Bus } from '../host/host';
import { t } from '../strings';
import { Disposers, type Dispose } from '../ui/disposers';

export interface Area {
  label: string;
  element: HTMLElement;
  /** Select the tab that it is behind. */
  show?: () => void;
}

const apple = (): boolean => /Mac|iPhone|iPad/.test(navigator.platform);

/** A table of the shortcuts. */
export function keyTable(areas: readonly Area[]): HTMLElement {
  const [control, alt] = apple() ? ['⌘', '⌥'] : ['Ctrl', 'Alt'];
  const rows: [string[], string][] = [
    [[control, 'Enter'], t('studio.key_generate')],
    [['Esc'], t('studio.key_stop')],
    [[t('player.key_space')], t('player.key_play')],
    [[control, t('player.key_space')], t('studio.key_play_line')],
    [[alt, 'Enter'], t('studio.key_regenerate_line')],
    [[alt, '↑ ↓'], t('studio.key_move_line')],
    [[alt, 'P'], t('studio.key_say')],
    [[alt, 'R'], t('studio.key_read_along')],
    [[alt, 'N'], t('review.key_next')],
    ...areas.map((area, at): [string[], string] => [[alt, String(at + 1)], area.label]),
    [['?'], t('studio.key_help')],
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

const usesSpace = (target: EventTarget | null): boolean =>
  target instanceof Element &&
  target.closest('button, a, select, summary, input:not([type="range"]), [role="dialog"]') !== null;

/** Handle the shortcuts until disposal. */
export function areaKeys(studio: HTMLElement, bus: Bus, areas: readonly Area[], openHelp: () => void): Dispose {
  const early = (event: KeyboardEvent): void => {
    const area = /^Digit([1-9])$/.exec(event.code);
    if ((event.ctrlKey || event.metaKey) && event.key === 'Enter') {
      // The editor first sends what was typed, then emits the same action.
      if ((event.target as HTMLElement).closest?.('.cm-content')) return;
      bus.emit('act', { action: 'generate' });
    } else if (event.altKey && !event.ctrlKey && area && areas[Number(area[1]) - 1])
      focusArea(areas[Number(area[1]) - 1]!);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  // An open menu, search or popover handles Escape first.
  const late = (event: KeyboardEvent): void => {
    if (event.defaultPrevented) return;
    const target = event.composedPath()[0] ?? null;
    if (isText(target)) return; // there, Escape, Space and "?" have another meaning
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
    if (event.key === ' ' && plain && !usesSpace(target)) {
      event.preventDefault(); // the page would scroll
      bus.emit('act', { action: 'play' });
    } else if (event.key === 'Escape') bus.emit('act', { action: 'stop' });
    else if (event.key === '?') openHelp();
  };
  const disposers = new Disposers();
  disposers.listen(studio, 'keydown', early, true);
  disposers.listen(studio, 'keydown', late);
  return disposers.dispose;
}
