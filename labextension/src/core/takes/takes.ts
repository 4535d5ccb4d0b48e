/** Turn panel: the takes of the selected turn, the one at the caret. */

import { Disposers, type Dispose } from '../ui/disposers';
import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { Failures } from '../ui/elements';
import { Toasts } from '../ui/popover';
import { watch } from '../ui/watch';
import { turnsOf } from '../host/turns';
import { t } from '../strings';
import { Lane } from './lane';

export function mountTakes(root: HTMLElement, host: Host, bus: Bus): Dispose {
  const failures = new Failures();
  const toasts = new Toasts();
  const disposers = new Disposers();
  let selected: string | null = null;

  const undo = (): void => void failures.during(() => host.channel.call('undo', {}));
  const lane = disposers.child(
    new Lane(host, bus, failures, (message) => toasts.show(message, { label: t('studio.undo'), run: undo })),
  );
  const empty = h(
    'div',
    { class: 'vvnb-empty' },
    h('strong', null, t('takes.no_turns')),
    h('span', null, t('takes.no_turns_hint')),
  );
  const section = h(
    'section',
    { class: 'vvnb-takes', 'aria-label': t('takes.takes') },
    failures.element,
    empty,
    lane.element,
    toasts.element,
  );
  root.append(section);

  const render = (): void => {
    const turns = turnsOf(host);
    const shown = turns.find((turn) => turn.id === selected) ?? turns[0] ?? null;
    empty.hidden = shown !== null;
    lane.element.hidden = shown === null;
    lane.show(shown?.id ?? null);
  };
  disposers.add(
    watch(
      host,
      [
        'turns',
        'takes',
        'script',
        'speakers',
        'project_state',
        'job',
        'mode',
        'reviews',
        'review_state',
        'listen_back',
      ],
      render,
    ),
    host.channel.onConnection(render),
    bus.on('select', ({ turn }) => {
      if (turn === selected) return;
      selected = turn;
      render();
    }),
    bus.on('currentTurn', ({ turn }) => lane.setPlaying(turn)),
    () => section.remove(),
  );
  return disposers.dispose;
}
