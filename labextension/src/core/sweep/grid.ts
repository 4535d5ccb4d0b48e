/** Grid of a sweep's results, each with a Play button; arrow keys move between them. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { Disposers, type Dispose } from '../ui/disposers';
import { button } from '../ui/elements';
import { SAMPLE_RATE, span } from '../ui/format';
import { waveform } from '../ui/waveform';
import type { SweepCell } from '../host/traits';
import { t } from '../strings';
import { best, layOut, nameOf, type Axis, type Block } from './model';
import { bestMark, reviewFacts, reviewTitle } from './review';

export interface SweepGrid {
  element: HTMLElement;
  update(axes: readonly Axis[], cells: readonly SweepCell[]): void;
  dispose: Dispose;
}

function stateText(state: Exclude<SweepCell['state'], 'finished'>): string {
  if (state === 'waiting') return t('sweep.waiting');
  return state === 'speaking' ? t('sweep.speaking') : t('sweep.cancelled');
}

/** A cell: Play button, waveform, figures, those of its review. */
function cellOf(host: Host, bus: Bus, cell: SweepCell | null, isBest: boolean, disposers: Disposers): HTMLElement {
  if (!cell) return h('td', null, h('span', { class: 'vvnb-hint' }, '–'));
  if (cell.state !== 'finished') return h('td', null, h('span', { class: 'vvnb-hint' }, stateText(cell.state)));
  const wave = disposers.child(waveform(host, '--vvnb-accent', 80));
  wave.show(cell.source, Math.round(cell.seconds * SAMPLE_RATE));
  const facts = [
    span(cell.seconds),
    `RTF ${cell.rtf.toFixed(2)}`,
    cell.loudness === null ? '' : `${cell.loudness.toFixed(1)} LUFS`,
  ];
  const play = button({
    label: t('sweep.play', { settings: nameOf(cell) }),
    icon: 'play',
    bare: true,
    size: 'small',
    onclick: () => bus.emit('audition', { source: cell.source, autoplay: true }),
  });
  const lineOf = (texts: readonly string[], title?: string, mark?: HTMLElement): HTMLElement =>
    h(
      'div',
      { class: 'vvnb-hint vvnb-sweep-facts', title },
      ...texts.filter(Boolean).map((text) => h('span', null, text)),
      mark,
    );
  const { review } = cell;
  return h(
    'td',
    null,
    h('div', { class: 'vvnb-row', 'data-nowrap': true }, play, h('div', { class: 'vvnb-sweep-wave' }, wave.element)),
    lineOf(facts),
    review && lineOf(reviewFacts(review), reviewTitle(review), isBest ? bestMark() : undefined),
  );
}

export function sweepGrid(host: Host, bus: Bus): SweepGrid {
  const element = h('div', { class: 'vvnb-stack' });
  const disposers = new Disposers();
  let cellDisposers = new Disposers();
  let rendered = '';

  const tableOf = (block: Block, top: ReadonlySet<SweepCell>): HTMLElement => {
    const head =
      block.columns.some(Boolean) &&
      h('thead', null, h('tr', null, h('td'), ...block.columns.map((title) => h('th', { scope: 'col' }, title))));
    const rows = block.rows.map((row) =>
      h(
        'tr',
        null,
        h('th', { scope: 'row' }, row.title),
        ...row.cells.map((cell) => cellOf(host, bus, cell, cell !== null && top.has(cell), cellDisposers)),
      ),
    );
    return h(
      'div',
      { class: 'vvnb-scroll', tabindex: 0, role: 'region', 'aria-label': block.title || t('sweep.grid_label') },
      h(
        'table',
        { class: 'vvnb-table vvnb-sweep-grid' },
        block.title && h('caption', null, block.title),
        head,
        h('tbody', null, ...rows),
      ),
    );
  };
  disposers.listen(element, 'keydown', (event) => {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    const cell = (event.target as HTMLElement).closest('td');
    const row = cell?.parentElement as HTMLTableRowElement | null;
    if (!step || !cell || !row) return;
    const table = row.closest('table')!;
    const to = table.rows[row.rowIndex + step[0]!]?.cells[cell.cellIndex + step[1]!]?.querySelector('button');
    if (!to) return;
    event.preventDefault();
    to.focus();
  });
  disposers.add(() => cellDisposers.dispose());
  return {
    element,
    update(axes, cells) {
      const key = JSON.stringify([axes, cells]);
      if (key === rendered) return;
      rendered = key;
      const focused = element.contains(document.activeElement)
        ? document.activeElement!.getAttribute('aria-label')
        : null;
      cellDisposers.dispose();
      cellDisposers = new Disposers();
      const top = best(cells);
      element.replaceChildren(...layOut(axes, cells).map((block) => tableOf(block, top)));
      if (focused) element.querySelector<HTMLElement>(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
    },
    dispose: disposers.dispose,
  };
}
