/** Takes: on one side the turns, on the other what was spoken of the one that is looked at. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { button, Failures } from '../ui/elements';
import { Toasts } from '../ui/popover';
import { Disposers, watch } from '../ui/watch';
import { turnsOf, type TurnState } from '../host/traits';
import { Lane } from './lane';
import { turnList } from './list';

export function mountTakes(root: HTMLElement, host: Host, bus: Bus): () => void {
  const failures = new Failures();
  const toasts = new Toasts();
  const disposers = new Disposers();
  let selected: string | null = null;

  const undo = button({
    label: 'Undo',
    icon: 'undo',
    size: 'small',
    onclick: () => void failures.during(() => host.channel.call('undo', {})),
  });
  const list = turnList((id, enter) => {
    selected = id;
    render();
    if (enter) detail.focus();
  });
  const detail = new Lane(host, bus, failures, undo, (words) =>
    toasts.show(words, { label: 'Undo', run: () => undo.click() }),
  );
  const empty = h(
    'div',
    { class: 'vvnb-empty' },
    h('strong', null, 'No turns yet'),
    h('span', null, 'Every line of the script keeps the takes that were spoken of it here.'),
  );
  const body = h('div', { class: 'vvnb-takes-body' }, list.element, detail.element);
  const section = h(
    'section',
    { class: 'vvnb-takes', 'aria-label': 'Takes' },
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
    detail.show(selected);
    const words = host.get('can_undo') ?? '';
    undo.hidden = !words;
    undo.title = words ? `Undo: ${words}` : '';
    undo.setAttribute('aria-label', undo.title || 'Undo');
  };
  disposers.add(
    watch(host, ['turns', 'takes', 'script', 'speakers', 'can_undo', 'project', 'job'], render),
    host.channel.onConnection(render),
    bus.on('currentTurn', ({ turn }) => list.light(turn)),
    () => detail.dispose(),
    () => section.remove(),
  );
  return disposers.dispose;
}

const LABEL = /^\s*(?:\[\d+\]|[^:\n]{1,80}?)\s*:\s*/;

/** What each turn says, from the script's lines. */
export function linesOf(script: string, turns: readonly TurnState[]): Map<string, string> {
  const lines = script.split(/\r\n|\r|\n/);
  return new Map(
    turns.map((turn) => {
      const text = lines.slice(turn.line - 1, Math.max(turn.line, turn.end_line)).join(' ');
      return [turn.id, text.replace(LABEL, '').replace(/\s+/g, ' ').trim()];
    }),
  );
}
