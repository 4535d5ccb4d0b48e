/** The turns as a list one walks with the arrow keys; three hundred rows cost nothing that is not on the screen. */

import { h } from '../ui/dom';
import { icon, type IconName } from '../ui/icons';
import { clock, count } from '../ui/format';
import { Keyed } from '../ui/watch';
import { displayState, type Speaker, type DisplayState, type TurnState } from '../host/traits';

export interface TurnList {
  element: HTMLElement;
  update(
    turns: readonly TurnState[],
    texts: ReadonlyMap<string, string>,
    speakers: readonly Speaker[],
    selected: string | null,
  ): void;
  light(turn: string | null): void;
}

interface Shown {
  turn: TurnState;
  number: number;
  text: string;
  color: string;
  selected: boolean;
}

const STATES: Record<DisplayState, readonly [string, IconName?]> = {
  unspoken: ['not spoken yet'],
  queued: ['waiting'],
  speaking: ['being spoken', 'wave'],
  spoken: ['spoken', 'check'],
  partial: ['stopped before its end', 'alert'],
  context: ['spoken, but what came before has changed', 'regenerate'],
  changed: ['changed since it was spoken', 'alert'],
  unspeakable: ['skipped', 'alert'],
};

export function turnList(onselect: (id: string, enter: boolean) => void): TurnList {
  const element = h('div', { class: 'vvnb-turns', role: 'listbox', 'aria-label': 'Turns' });
  let ids: string[] = [];
  let current: string | null = null;
  let lit: string | null = null;
  const rows = new Keyed<Shown, ReturnType<typeof turnRow>>(
    element,
    (shown) => shown.turn.id,
    (shown) => turnRow(() => onselect(shown.turn.id, false)),
  );
  const focus = (id: string): void => {
    onselect(id, false);
    rows.get(id)?.element.focus();
  };
  element.addEventListener('keydown', (event) => {
    const at = ids.indexOf(current ?? '');
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: ids.length - 1, PageDown: at + 10, PageUp: at - 10 }[
      event.key
    ];
    if (to !== undefined) {
      event.preventDefault();
      const id = ids[Math.min(ids.length - 1, Math.max(0, to))];
      if (id) focus(id);
    } else if ((event.key === 'Enter' || event.key === 'ArrowRight') && current) {
      event.preventDefault();
      onselect(current, true);
    }
  });
  return {
    element,
    update(turns, texts, speakers, selected) {
      const colors = new Map(speakers.map((speaker) => [speaker.label, speaker.color]));
      ids = turns.map((turn) => turn.id);
      current = selected;
      rows.update(
        turns.map((turn, at) => ({
          turn,
          number: at + 1,
          text: texts.get(turn.id) ?? '',
          color: colors.get(turn.speaker) ?? '',
          selected: turn.id === selected,
        })),
      );
    },
    light(turn) {
      if (lit) rows.get(lit)?.element.removeAttribute('data-current');
      lit = turn;
      if (turn) rows.get(turn)?.element.setAttribute('data-current', '');
    },
  };
}

function turnRow(onclick: () => void): { element: HTMLElement; update(shown: Shown): void } {
  const number = h('span', { class: 'vvnb-turn-number' });
  const speaker = h('span', { class: 'vvnb-turn-speaker vvnb-ellipsis' });
  const text = h('span', { class: 'vvnb-turn-text vvnb-ellipsis' });
  const takes = h('span', { class: 'vvnb-turn-takes' });
  const seconds = h('span', { class: 'vvnb-turn-seconds' });
  const state = h('span', { class: 'vvnb-turn-state' });
  const element = h(
    'div',
    { class: 'vvnb-turn', role: 'option', tabindex: -1, onclick },
    number,
    speaker,
    text,
    takes,
    seconds,
    state,
  );
  let before = '';
  return {
    element,
    update(shown) {
      const { turn, selected } = shown;
      const now = JSON.stringify([turn, shown.number, shown.text, shown.color, selected]);
      if (now === before) return;
      before = now;
      element.style.setProperty('--speaker', shown.color || 'var(--vvnb-muted)');
      element.setAttribute('aria-selected', String(selected));
      element.tabIndex = selected ? 0 : -1;
      element.dataset['state'] = displayState(turn);
      number.textContent = String(shown.number);
      speaker.textContent = turn.speaker;
      text.textContent = shown.text;
      takes.textContent = turn.takes.length > 1 ? `${turn.takes.length} takes` : '';
      seconds.textContent =
        turn.state === 'unspeakable' ? '–' : turn.seconds === null ? `~${clock(turn.estimated)}` : clock(turn.seconds);
      const [words, name] = STATES[displayState(turn)];
      state.title = turn.reason || words;
      state.replaceChildren(
        name ? icon(name) : h('span', { class: 'vvnb-turn-open' }),
        h('span', { class: 'vvnb-visually-hidden' }, `, ${words}, ${count(turn.takes.length, 'take')}`),
      );
      state.toggleAttribute('data-context', turn.context_changed);
    },
  };
}
