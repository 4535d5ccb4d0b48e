/** Sweep: one script generated with every combination of settings, as a grid or a table. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { segments } from '../ui/elements';
import { Disposers, type Dispose } from '../ui/disposers';
import { watch } from '../ui/watch';
import { t } from '../strings';
import { sweepGrid } from './grid';
import { axesOf } from './model';
import { SweepReviewBar } from './review';
import { sweepTable } from './table';

type View = 'grid' | 'table';

export function mountSweep(root: HTMLElement, host: Host, bus: Bus): Dispose {
  const heading = h('p', { class: 'vvnb-hint', role: 'status' });
  const disposers = new Disposers();
  const grid = disposers.child(sweepGrid(host, bus));
  const table = sweepTable(bus);
  const review = disposers.child(new SweepReviewBar(host));
  let view: View | null = null;
  const choice = segments<View>(
    t('sweep.view'),
    [
      ['grid', t('sweep.grid')],
      ['table', t('sweep.table')],
    ],
    (wanted) => {
      view = wanted;
      render();
    },
  );
  const section = h(
    'section',
    { class: 'vvnb-sweep', 'aria-label': t('sweep.sweep') },
    h(
      'div',
      null,
      h('div', { class: 'vvnb-row' }, h('div', { class: 'vvnb-grow' }, heading), review.element, choice.element),
      review.messages,
    ),
    grid.element,
    table.element,
  );
  root.append(section);
  const render = (): void => {
    const axes = axesOf(host.get('axes') ?? {});
    const cells = host.get('cells') ?? [];
    const shown = view ?? (axes.length < 2 ? 'table' : 'grid'); // a single axis is easiest to read as a sorted table
    const ready = cells.filter((cell) => cell.state === 'finished').length;
    const count = cells.length;
    heading.textContent = ready < count ? t('sweep.results_ready', { ready, count }) : t('sweep.results', { count });
    choice.set(shown);
    grid.element.hidden = shown !== 'grid';
    table.element.hidden = shown !== 'table';
    if (shown === 'grid') grid.update(axes, cells);
    else table.update(cells);
  };
  disposers.add(watch(host, ['axes', 'cells'], render), () => section.remove());
  return disposers.dispose;
}
