/** A sweep: the same words with every combination of settings, to be heard and compared. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { segments } from '../ui/elements';
import { count } from '../ui/format';
import { Disposers, watch } from '../ui/watch';
import { sweepGrid } from './grid';
import { axesOf } from './model';
import { sweepTable } from './table';

type View = 'grid' | 'table';

export function mountSweep(root: HTMLElement, host: Host, bus: Bus): () => void {
  const heading = h('p', { class: 'vvnb-hint', role: 'status' });
  const grid = sweepGrid(host, bus);
  const table = sweepTable(bus);
  let view: View | null = null;
  const choice = segments<View>(
    'Shown as',
    [
      ['grid', 'Grid'],
      ['table', 'Table'],
    ],
    (wanted) => {
      view = wanted;
      render();
    },
  );
  const section = h(
    'section',
    { class: 'vvnb-sweep', 'aria-label': 'Sweep' },
    h('div', { class: 'vvnb-row' }, h('div', { class: 'vvnb-grow' }, heading), choice.element),
    grid.element,
    table.element,
  );
  root.append(section);
  const render = (): void => {
    const axes = axesOf(host.get('axes') ?? {});
    const cells = host.get('cells') ?? [];
    const shown = view ?? (axes.length < 2 ? 'table' : 'grid'); // one axis is a list: it reads best sorted
    const ready = cells.filter((cell) => cell.state === 'finished').length;
    heading.textContent =
      ready < cells.length ? `${ready} of ${count(cells.length, 'rendering')} ready` : count(cells.length, 'rendering');
    choice.set(shown);
    grid.element.hidden = shown !== 'grid';
    table.element.hidden = shown !== 'table';
    if (shown === 'grid') grid.update(axes, cells);
    else table.update(cells);
  };
  const disposers = new Disposers();
  disposers.add(watch(host, ['axes', 'cells'], render), grid.dispose, () => section.remove());
  return disposers.dispose;
}
