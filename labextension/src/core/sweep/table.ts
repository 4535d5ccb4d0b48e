/** The sweep as a table, sorted by any column. */

import { h } from '../ui/dom';
import type { Bus } from '../host/host';
import { button } from '../ui/elements';
import type { SweepCell } from '../host/traits';
import { AXIS_LABELS, nameOf, sorted, type SortKey } from './model';

export interface SweepTable {
  element: HTMLElement;
  update(cells: readonly SweepCell[]): void;
}

type Column = readonly [SortKey, string, (cell: SweepCell) => string];

const number =
  (digits: number, key: SortKey) =>
  (cell: SweepCell): string => {
    const value = cell.state === 'finished' || key in AXIS_LABELS ? cell[key] : null;
    return typeof value === 'number' ? value.toFixed(digits) : (value ?? '–');
  };

const COLUMNS: readonly Column[] = [
  ['cfg_scale', 'CFG', number(1, 'cfg_scale')],
  ['num_steps', 'Steps', number(0, 'num_steps')],
  ['seed', 'Seed', number(0, 'seed')],
  ['solver', 'Solver', number(0, 'solver')],
  ['temperature', 'Temperature', number(2, 'temperature')],
  ['seconds', 'Length, s', number(2, 'seconds')],
  ['elapsed', 'Time, s', number(2, 'elapsed')],
  ['rtf', 'RTF', number(3, 'rtf')],
  ['loudness', 'LUFS', number(1, 'loudness')],
];

export function sweepTable(bus: Bus): SweepTable {
  let key: SortKey = 'cfg_scale';
  let descending = false;
  let cells: readonly SweepCell[] = [];
  const body = h('tbody');
  const heads = COLUMNS.map(([column, label]) => {
    const head = button({
      label,
      kind: 'quiet',
      size: 'small',
      onclick: () => {
        descending = key === column && !descending;
        key = column;
        draw();
      },
    });
    return h('th', { scope: 'col', 'data-number': true }, head);
  });
  const draw = (): void => {
    const empty = COLUMNS.map(
      ([column]) => column in AXIS_LABELS && cells.every((cell) => (cell[column] ?? null) === null),
    );
    heads.forEach((head, at) => {
      head.hidden = empty[at]!;
      if (COLUMNS[at]![0] === key) head.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
    });
    body.replaceChildren(
      ...sorted(cells, key, descending).map((cell) =>
        h(
          'tr',
          null,
          h(
            'td',
            null,
            button({
              label: `Play ${nameOf(cell)}`,
              icon: 'play',
              bare: true,
              size: 'small',
              disabled: cell.state !== 'finished',
              onclick: () => bus.emit('audition', { source: cell.source, autoplay: true }),
            }),
          ),
          ...COLUMNS.map(([, , show], at) => h('td', { 'data-number': true, hidden: empty[at] }, show(cell))),
        ),
      ),
    );
  };
  return {
    element: h(
      'div',
      { class: 'vvnb-scroll', tabindex: 0, role: 'region', 'aria-label': 'Table of renderings' },
      h('table', { class: 'vvnb-table' }, h('thead', null, h('tr', null, h('td'), ...heads)), body),
    ),
    update(next) {
      cells = next;
      draw();
    },
  };
}
