/** One turn's lane: its takes side by side, what can be done with them, and the pause after it. */

import { h } from '../dom';
import type { Bus, Host } from '../host';
import { badge, button, type Failures, freshId } from '../kit/elements';
import { count } from '../kit/format';
import { help } from '../kit/popover';
import { Keyed } from '../kit/watch';
import { isBusy, type JobState, type ProjectState, type Speaker, type TakeState, type TurnState } from '../state';
import { comparison } from './compare';
import { takeCard, type ShownTake } from './card';
import { linesOf } from './takes';

export interface Lane {
  element: HTMLElement;
  show(turn: string | null): void;
  focus(): void;
  dispose(): void;
}

const LONGEST_GAP_MS = 60_000;

export function lane(host: Host, bus: Bus, failures: Failures, undo: HTMLElement, deleted: (words: string) => void): Lane {
  let turn: TurnState | null = null;
  const call = (work: () => Promise<unknown>): Promise<boolean> => failures.during(work);
  const title = h('h3');
  const marks = h('span', { class: 'vvnb-row', 'data-tight': true });
  const text = h('p', { class: 'vvnb-lane-text' });
  const play = button({
    label: 'Play from here',
    icon: 'play',
    size: 'small',
    onclick: () => turn && bus.emit('seek', { turn: turn.id }),
  });
  const respeak = button({
    label: 'Speak again',
    icon: 'respeak',
    size: 'small',
    title: 'A new take of this turn, after the takes chosen before it; the other turns stay as they are',
    onclick: () => turn && void call(() => host.channel.call('respeak', { turn: turn!.id })),
  });
  const compare = comparison(host, failures);
  const cards = h('div', { class: 'vvnb-take-cards', role: 'radiogroup', 'aria-label': 'Takes of this turn' });
  const group = freshId('take');
  const takes = new Keyed<ShownTake, ReturnType<typeof takeCard>>(
    cards,
    (shown) => shown.take.id,
    () => takeCard(host, bus, group, failures, deleted),
  );
  const none = h('p', { class: 'vvnb-hint vvnb-lane-none' });
  const gap = gapField(host, failures, () => turn);
  const element = h(
    'div',
    { class: 'vvnb-lane', tabindex: -1, role: 'region', 'aria-label': 'The selected turn' },
    h('div', { class: 'vvnb-row' }, h('span', { class: 'vvnb-dot' }), title, marks, h('span', { class: 'vvnb-grow' }), undo),
    text,
    h('div', { class: 'vvnb-row' }, respeak, play, compare.button),
    compare.element,
    none,
    cards,
    gap.element,
  );

  return {
    element,
    show(id) {
      const turns = host.get<TurnState[]>('turns') ?? [];
      const at = turns.findIndex((candidate) => candidate.id === id);
      turn = turns[at] ?? null;
      if (!turn) return;
      const all = host.get<Record<string, TakeState>>('takes') ?? {};
      const speakers = host.get<Speaker[]>('speakers') ?? [];
      const readOnly = host.get<ProjectState | undefined>('project')?.read_only ?? false;
      const colour = speakers.find((known) => known.label === turn!.speaker)?.colour ?? '';
      const recoloured = element.style.getPropertyValue('--speaker') !== colour;
      element.style.setProperty('--speaker', colour);
      title.textContent = `Turn ${at + 1}, ${turn.speaker}`;
      text.textContent = linesOf(host.get<string>('script') ?? '', [turn]).get(turn.id) ?? '';
      marks.replaceChildren(...marksOf(turn));
      const found = turn.takes.map((take) => all[take]).filter((take) => take !== undefined);
      const chosen = turn.chosen;
      takes.update(found.map((take, index) => ({ take, number: index + 1, chosen: take.id === chosen, readOnly })));
      if (recoloured) for (const take of found) takes.get(take.id)?.redraw();
      none.hidden = found.length > 0;
      none.textContent = turn.state === 'speaking' ? 'It is being spoken.' : 'Nothing was spoken of this turn yet. Generate speaks it, or press “Speak”.';
      const busy = isBusy(host.get<JobState>('job'));
      respeak.disabled = busy || readOnly || host.get('mode') === 'whole';
      respeak.lastChild!.textContent = found.length ? 'Speak again' : 'Speak';
      respeak.title = host.get('mode') === 'whole' ? 'Only where the mode is “turn by turn”' : 'A new take of this turn, after the takes chosen before it; the other turns stay as they are';
      play.disabled = chosen === null;
      compare.show(turn.id, found, chosen, readOnly);
      gap.update(readOnly);
    },
    focus() {
      (element.querySelector<HTMLElement>('.vvnb-take input:checked, .vvnb-take input') ?? respeak).focus();
    },
    dispose() {
      compare.dispose();
      takes.dispose();
    },
  };
}

function marksOf(turn: TurnState): HTMLElement[] {
  const marks = [];
  if (turn.state === 'changed') marks.push(badge('changed since', 'warning', 'The text or the voice is no longer what the chosen take said'));
  if (turn.context_changed) marks.push(badge('context changed', 'warning', 'The chosen take was spoken after other takes than are chosen now. It can stay, or be spoken again.'));
  if (turn.state === 'speaking') marks.push(badge('speaking', 'accent'));
  if (turn.state === 'queued') marks.push(badge('waiting'));
  if (turn.takes.length) marks.push(badge(count(turn.takes.length, 'take')));
  return marks;
}

function gapField(host: Host, failures: Failures, turn: () => TurnState | null): { element: HTMLElement; update(readOnly: boolean): void } {
  const id = freshId('gap');
  const input = h('input', { type: 'number', class: 'vvnb-input', 'data-number': true, id, min: 0, max: LONGEST_GAP_MS, step: 50 });
  const set = (gap: number | null): void => {
    const now = turn();
    if (now && now.gap_ms !== gap) void failures.during(() => host.channel.call('set_gap', { turn: now.id, gap_ms: gap }));
  };
  input.addEventListener('change', () => {
    const typed = Math.round(Number(input.value));
    if (input.value === '' || !Number.isFinite(typed)) set(null);
    else set(Math.min(LONGEST_GAP_MS, Math.max(0, typed)));
  });
  const reset = button({ label: 'As in the script', kind: 'link', size: 'small', onclick: () => set(null) });
  return {
    element: h(
      'div',
      { class: 'vvnb-row vvnb-gap' },
      h('label', { for: id }, 'Pause after this turn'),
      h('span', { class: 'vvnb-row', 'data-tight': true, 'data-nowrap': true }, input, 'ms'),
      help('Pause after this turn', 'Silence put in when the turns are joined. Nothing has to be spoken again for it.', 'A pause can also stand in the script, as [pause:500].'),
      reset,
    ),
    update(readOnly) {
      const now = turn();
      if (!now) return;
      if (document.activeElement !== input) input.value = now.gap_ms === null ? '' : String(now.gap_ms);
      input.placeholder = String(now.pause_ms);
      input.disabled = readOnly;
      reset.hidden = now.gap_ms === null || readOnly;
    },
  };
}
