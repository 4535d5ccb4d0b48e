/** The sweep as a grid of players, walked with the arrow keys. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { button } from '../ui/elements';
import { SAMPLE_RATE, span } from '../ui/format';
import { waveform, type Waveform } from '../ui/waveform';
import type { SweepCell } from '../host/traits';
import { layOut, nameOf, type Axis, type Block } from './model';

export interface SweepGrid {
  element: HTMLElement;
  update(axes: readonly Axis[], cells: readonly SweepCell[]): void;
  dispose: () => void;
}

const STATES: Partial<Record<SweepCell['state'], string>> = {
  waiting: 'waiting',
  speaking: 'speaking…',
  cancelled: 'stopped',
};

/** One cell: its player, its waveform, its numbers. */
function cellOf(host: Host, bus: Bus, cell: SweepCell | null, keep: (wave: Waveform) => void): HTMLElement {
  if (!cell) return h('td', null, h('span', { class: 'vvnb-hint' }, '–'));
  if (cell.state !== 'finished')
    return h('td', null, h('span', { class: 'vvnb-hint' }, STATES[cell.state] ?? cell.state));
  const wave = waveform(host, '--vvnb-accent', 80);
  keep(wave);
  wave.show(cell.source, Math.round(cell.seconds * SAMPLE_RATE));
  const facts = [
    span(cell.seconds),
    `RTF ${cell.rtf.toFixed(2)}`,
    cell.loudness === null ? '' : `${cell.loudness.toFixed(1)} LUFS`,
  ];
  const play = button({
    label: `Play ${nameOf(cell)}`,
    icon: 'play',
    bare: true,
    size: 'small',
    onclick: () => bus.emit('audition', { source: cell.source, autoplay: true }),
  });
  return h(
    'td',
    null,
    h('div', { class: 'vvnb-row', 'data-nowrap': true }, play, h('div', { class: 'vvnb-sweep-wave' }, wave.element)),
    h('div', { class: 'vvnb-hint vvnb-sweep-facts' }, ...facts.filter(Boolean).map((fact) => h('span', null, fact))),
  );
}

export function sweepGrid(host: Host, bus: Bus): SweepGrid {
  const element = h('div', { class: 'vvnb-stack' });
  let waves: Waveform[] = [];
  let before = '';

  const tableOf = (block: Block): HTMLElement => {
    const head =
      block.columns.some(Boolean) &&
      h('thead', null, h('tr', null, h('td'), ...block.columns.map((title) => h('th', { scope: 'col' }, title))));
    const rows = block.rows.map((row) =>
      h(
        'tr',
        null,
        h('th', { scope: 'row' }, row.title),
        ...row.cells.map((cell) => cellOf(host, bus, cell, (wave) => waves.push(wave))),
      ),
    );
    return h(
      'div',
      { class: 'vvnb-scroll', tabindex: 0, role: 'region', 'aria-label': block.title || 'Grid of renderings' },
      h(
        'table',
        { class: 'vvnb-table vvnb-sweep-grid' },
        block.title && h('caption', null, block.title),
        head,
        h('tbody', null, ...rows),
      ),
    );
  };
  element.addEventListener('keydown', (event) => {
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
  const clear = (): void => {
    for (const wave of waves) wave.dispose();
    waves = [];
  };
  return {
    element,
    update(axes, cells) {
      const now = JSON.stringify([axes, cells]);
      if (now === before) return;
      before = now;
      const focused = element.contains(document.activeElement)
        ? document.activeElement!.getAttribute('aria-label')
        : null;
      clear();
      element.replaceChildren(...layOut(axes, cells).map(tableOf));
      if (focused) element.querySelector<HTMLElement>(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
    },
    dispose: clear,
  };
}
