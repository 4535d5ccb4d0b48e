/** Table of a sweep's results, sorted by any column. */

import { h } from '../ui/dom';
import type { Bus } from '../host/host';
import { button } from '../ui/elements';
import type { SweepCell } from '../host/traits';
import { t } from '../strings';
import { axisLabel, best, isAxis, isReviewFigure, nameOf, sorted, valueOf, type SortKey } from './model';
import { bestMark, reviewTitle } from './review';

export interface SweepTable {
  element: HTMLElement;
  update(cells: readonly SweepCell[]): void;
}

const number =
  (digits: number, key: SortKey) =>
  (cell: SweepCell): string => {
    const value = valueOf(cell, key);
    return typeof value === 'number' ? value.toFixed(digits) : (value ?? '–');
  };

type Column = readonly [key: SortKey, label: string, show: (cell: SweepCell) => string];

const columns = (): readonly Column[] => [
  ['cfg_scale', axisLabel('cfg_scale'), number(1, 'cfg_scale')],
  ['num_steps', axisLabel('num_steps'), number(0, 'num_steps')],
  ['seed', axisLabel('seed'), number(0, 'seed')],
  ['solver', axisLabel('solver'), number(0, 'solver')],
  ['temperature', axisLabel('temperature'), number(2, 'temperature')],
  ['seconds', t('sweep.length'), number(2, 'seconds')],
  ['elapsed', t('sweep.time'), number(2, 'elapsed')],
  ['rtf', t('sweep.rtf'), number(3, 'rtf')],
  ['loudness', t('sweep.loudness'), number(1, 'loudness')],
  ['wer', t('sweep.wer'), number(1, 'wer')],
  ['score', t('sweep.score'), number(0, 'score')],
  ['similarity', t('sweep.voice'), number(2, 'similarity')],
  ['words_per_minute', t('sweep.words_per_minute'), number(0, 'words_per_minute')],
];

export function sweepTable(bus: Bus): SweepTable {
  const table = columns();
  let key: SortKey = 'cfg_scale';
  let descending = false;
  let cells: readonly SweepCell[] = [];
  const body = h('tbody');
  const heads = table.map(([column, label]) => {
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
    const empty = table.map(
      ([column]) => (isAxis(column) || isReviewFigure(column)) && cells.every((cell) => valueOf(cell, column) === null),
    );
    const top = best(cells);
    heads.forEach((head, at) => {
      head.hidden = empty[at]!;
      if (table[at]![0] === key) head.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
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
              label: t('sweep.play', { settings: nameOf(cell) }),
              icon: 'play',
              bare: true,
              size: 'small',
              disabled: cell.state !== 'finished',
              onclick: () => bus.emit('audition', { source: cell.source, autoplay: true }),
            }),
          ),
          ...table.map(([column, , show], at) => {
            const mark = column === 'score' && top.has(cell) && bestMark();
            const title = isReviewFigure(column) && cell.review ? reviewTitle(cell.review) : null;
            return h('td', { 'data-number': true, hidden: empty[at], title }, mark, show(cell));
          }),
        ),
      ),
    );
  };
  return {
    element: h(
      'div',
      { class: 'vvnb-scroll', tabindex: 0, role: 'region', 'aria-label': t('sweep.table_label') },
      h('table', { class: 'vvnb-table' }, h('thead', null, h('tr', null, h('td'), ...heads)), body),
    ),
    update(next) {
      cells = next;
      draw();
    },
  };
}
