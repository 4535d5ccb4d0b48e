/** Audition bar: plays one source at a time where there is no player. */

import { h } from './dom';
import type { Bus } from '../host/host';
import { t } from '../strings';
import { Disposers } from './disposers';
import { button, Failures } from './elements';
import { clock } from './format';
import { SourcePlayer, type FetchAudio } from './source_player';

/** Name of a source for people: of a voice, or of a project's folder. */
const shortName = (source: string): string =>
  source
    .replace(/^\w+:/, '')
    .replace(/^.*[/@]/, '')
    .replace(/\.vibevoice$/, '');

export function mountAudition(root: HTMLElement, fetch: FetchAudio, bus: Bus): () => void {
  const failures = new Failures();
  const name = h('span', { class: 'vvnb-ellipsis' });
  const time = h('span', { class: 'vvnb-hint' });
  const stop = button({ label: t('common.stop'), icon: 'stop', size: 'small', onclick: () => player.stop() });
  const bar = h(
    'div',
    { class: 'vvnb-audition', hidden: true, role: 'status' },
    h('div', { class: 'vvnb-row', 'data-nowrap': true }, stop, name, time),
  );
  root.append(bar, failures.element);

  let ticking = 0;
  const tick = (): void => {
    const position = player.position;
    if (!position) return;
    time.textContent = `${clock(position[0])} / ${clock(position[1])}`;
    ticking = requestAnimationFrame(tick);
  };
  const player = new SourcePlayer(fetch, () => {
    cancelAnimationFrame(ticking);
    bar.hidden = !player.source;
    name.textContent = shortName(player.source);
    time.textContent = '…';
    tick();
  });
  const disposers = new Disposers();
  disposers.add(
    bus.on('audition', ({ source }) => void failures.during(() => player.play(source))),
    player.dispose,
    () => bar.remove(),
    () => failures.element.remove(),
  );
  return disposers.dispose;
}
