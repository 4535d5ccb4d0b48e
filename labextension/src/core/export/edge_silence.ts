/** Setting of the silence at the ends of turns: longer silence is shortened, in the player and in exports. */

import { h } from '../ui/dom';
import { check, freshId } from '../ui/elements';
import { fitted } from '../ui/slider_field';
import type { Host } from '../host/host';
import { RANGES } from '../host/ranges';
import { t } from '../strings';

/** Silence that is left when the setting is switched on, seconds. */
const USUAL = 0.2;
const GRID = { ...RANGES.edge_silence, step: 0.05 };

export interface EdgeSilence {
  element: HTMLElement;
  update(): void;
}

export function edgeSilence(host: Host): EdgeSilence {
  const on = check(t('export.shorten_silence'), (shorten) => host.set('edge_silence', shorten ? USUAL : null));
  const seconds = h('input', {
    type: 'number',
    class: 'vvnb-input',
    'data-number': true,
    id: freshId('silence'),
    ...GRID,
    'aria-label': t('export.silence_seconds'),
    onchange: () => {
      const value = fitted(seconds.value, GRID);
      if (value !== null) host.set('edge_silence', value);
      update();
    },
  });
  const update = (): void => {
    const value = host.get('edge_silence') ?? null;
    const readOnly = host.get('project_state')?.read_only ?? false;
    on.input.checked = value !== null;
    on.input.disabled = seconds.disabled = readOnly;
    amount.hidden = value === null;
    if (value !== null && document.activeElement !== seconds) seconds.value = value.toFixed(2);
  };
  const amount = h('span', { class: 'vvnb-row', 'data-tight': true, 'data-nowrap': true }, seconds, t('takes.s'));
  return { element: h('div', { class: 'vvnb-row' }, on.element, amount), update };
}
