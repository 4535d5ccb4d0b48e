/** Takes panel: a list of the turns, and the takes of the selected turn. */

import { Disposers } from '../ui/disposers';
import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { button, Failures } from '../ui/elements';
import { Toasts } from '../ui/popover';
import { watch } from '../ui/watch';
import { turnsOf } from '../host/turns';
import { t } from '../strings';
import { Lane } from './lane';
import { linesOf } from './lines';
import { turnList } from './list';

export function mountTakes(root: HTMLElement, host: Host, bus: Bus): () => void {
  const failures = new Failures();
  const toasts = new Toasts();
  const disposers = new Disposers();
  let selected: string | null = null;

  const undo = button({
    label: t('takes.undo'),
    icon: 'undo',
    size: 'small',
    onclick: () => void failures.during(() => host.channel.call('undo', {})),
  });
  const list = turnList((id, enter) => {
    selected = id;
    render();
    if (enter) lane.focus();
  });
  const lane = disposers.child(
    new Lane(host, bus, failures, undo, (message) =>
      toasts.show(message, { label: t('takes.undo'), run: () => undo.click() }),
    ),
  );
  const empty = h(
    'div',
    { class: 'vvnb-empty' },
    h('strong', null, t('takes.no_turns')),
    h('span', null, t('takes.no_turns_hint')),
  );
  const body = h('div', { class: 'vvnb-takes-body' }, list.element, lane.element);
  const section = h(
    'section',
    { class: 'vvnb-takes', 'aria-label': t('takes.takes') },
    failures.element,
    empty,
    body,
    toasts.element,
  );
  root.append(section);

  const render = (): void => {
    const turns = turnsOf(host);
    if (!turns.some((turn) => turn.id === selected)) {
      selected = (turns.find((turn) => turn.takes.length > 1) ?? turns[0])?.id ?? null;
    }
    empty.hidden = turns.length > 0;
    body.hidden = !turns.length;
    list.update(turns, linesOf(host.get('script') ?? '', turns), host.get('speakers') ?? [], selected);
    lane.show(selected);
    const action = host.get('can_undo') ?? '';
    undo.hidden = !action;
    undo.title = action ? t('takes.undo_action', { action }) : '';
    undo.setAttribute('aria-label', undo.title || t('takes.undo'));
  };
  disposers.add(
    watch(host, ['turns', 'takes', 'script', 'speakers', 'can_undo', 'project_state', 'job'], render),
    host.channel.onConnection(render),
    bus.on('currentTurn', ({ turn }) => list.highlight(turn)),
    () => section.remove(),
  );
  return disposers.dispose;
}
