/** List of the turns, for the arrow keys; rows are re-rendered only if they change. */

import { h } from '../ui/dom';
import { icon, type IconName } from '../ui/icons';
import { clock } from '../ui/format';
import { Keyed } from '../ui/watch';
import { displayState, type Speaker, type DisplayState, type TurnState } from '../host/traits';
import { t } from '../strings';
import { stateText } from './state_text';

export interface TurnList {
  element: HTMLElement;
  update(
    turns: readonly TurnState[],
    texts: ReadonlyMap<string, string>,
    speakers: readonly Speaker[],
    selected: string | null,
  ): void;
  /** Mark the turn being played. */
  highlight(turn: string | null): void;
}

interface Shown {
  turn: TurnState;
  number: number;
  text: string;
  color: string;
  selected: boolean;
}

const ICONS: Partial<Record<DisplayState, IconName>> = {
  speaking: 'wave',
  spoken: 'check',
  partial: 'alert',
  context: 'regenerate',
  changed: 'alert',
  unspeakable: 'alert',
};

export function turnList(onselect: (id: string, enter: boolean) => void): TurnList {
  const element = h('div', { class: 'vvnb-turns', role: 'listbox', 'aria-label': t('takes.turns') });
  let ids: string[] = [];
  let current: string | null = null;
  let highlighted: string | null = null;
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
    const index = ids.indexOf(current ?? '');
    const to = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      Home: 0,
      End: ids.length - 1,
      PageDown: index + 10,
      PageUp: index - 10,
    }[event.key];
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
        turns.map((turn, index) => ({
          turn,
          number: index + 1,
          text: texts.get(turn.id) ?? '',
          color: colors.get(turn.speaker) ?? '',
          selected: turn.id === selected,
        })),
      );
    },
    highlight(turn) {
      if (highlighted) rows.get(highlighted)?.element.removeAttribute('data-current');
      highlighted = turn;
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
  let rendered = '';
  return {
    element,
    update(shown) {
      const { turn, selected } = shown;
      const key = JSON.stringify([turn, shown.number, shown.text, shown.color, selected]);
      if (key === rendered) return;
      rendered = key;
      element.style.setProperty('--speaker', shown.color || 'var(--vvnb-muted)');
      element.setAttribute('aria-selected', String(selected));
      element.tabIndex = selected ? 0 : -1;
      element.dataset['state'] = displayState(turn);
      number.textContent = String(shown.number);
      speaker.textContent = turn.speaker;
      text.textContent = shown.text;
      takes.textContent = turn.takes.length > 1 ? t('common.takes', { count: turn.takes.length }) : '';
      seconds.textContent =
        turn.state === 'unspeakable' ? '–' : turn.seconds === null ? `~${clock(turn.estimated)}` : clock(turn.seconds);
      const name = ICONS[displayState(turn)];
      const words = stateText(turn);
      const summary = t('takes.row_summary', { state: words, takes: t('common.takes', { count: turn.takes.length }) });
      state.title = turn.reason || words;
      state.replaceChildren(
        name ? icon(name) : h('span', { class: 'vvnb-turn-open' }),
        h('span', { class: 'vvnb-visually-hidden' }, summary),
      );
      state.toggleAttribute('data-context', turn.context_changed);
    },
  };
}
