/** One turn's lane: its takes side by side, what can be done with them, and the pause after it. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { badge, button, type Failures, freshId } from '../ui/elements';
import { count } from '../ui/format';
import { help } from '../ui/popover';
import { Keyed } from '../ui/watch';
import { isBusy, displayState, turnsOf, type TakeState, type TurnState } from '../host/traits';
import { Comparison } from './compare';
import { TakeCard, type ShownTake } from './card';
import { linesOf } from './takes';

const LONGEST_GAP_MS = 60_000;

const RESPEAK = 'A new take of this turn, after the takes chosen before it; the other turns stay as they are';

export class Lane {
  readonly element: HTMLElement;
  private turn: TurnState | null = null;
  private readonly title = h('h3');
  private readonly marks = h('span', { class: 'vvnb-row', 'data-tight': true });
  private readonly text = h('p', { class: 'vvnb-lane-text' });
  private readonly play: HTMLButtonElement;
  private readonly regenerate: HTMLButtonElement;
  private readonly compare: Comparison;
  private readonly cards = h('div', {
    class: 'vvnb-take-cards',
    role: 'radiogroup',
    'aria-label': 'Takes of this turn',
  });
  private readonly takes: Keyed<ShownTake, TakeCard>;
  private readonly none = h('p', { class: 'vvnb-hint' });
  private readonly gap: ReturnType<typeof gapField>;

  constructor(
    private readonly host: Host,
    bus: Bus,
    failures: Failures,
    undo: HTMLElement,
    deleted: (words: string) => void,
  ) {
    const group = freshId('take');
    this.takes = new Keyed(
      this.cards,
      (shown) => shown.take.id,
      () => new TakeCard(host, bus, group, failures, deleted),
    );
    this.compare = new Comparison(host, failures);
    this.gap = gapField(host, failures, () => this.turn);
    this.play = button({
      label: 'Play from here',
      icon: 'play',
      size: 'small',
      onclick: () => this.turn && bus.emit('seek', { turn: this.turn.id }),
    });
    this.regenerate = button({
      label: 'Speak again',
      icon: 'regenerate',
      size: 'small',
      onclick: () => this.turn && void failures.during(() => host.channel.call('regenerate', { turn: this.turn!.id })),
    });
    this.element = h(
      'div',
      { class: 'vvnb-lane', tabindex: -1, role: 'region', 'aria-label': 'The selected turn' },
      h(
        'div',
        { class: 'vvnb-row' },
        h('span', { class: 'vvnb-dot' }),
        this.title,
        this.marks,
        h('span', { class: 'vvnb-grow' }),
        undo,
      ),
      this.text,
      h('div', { class: 'vvnb-row' }, this.regenerate, this.play, this.compare.button),
      this.compare.element,
      this.none,
      this.cards,
      this.gap.element,
    );
  }

  /** Show a turn, what it says and its takes. */
  show(id: string | null): void {
    const turns = turnsOf(this.host);
    const at = turns.findIndex((candidate) => candidate.id === id);
    const turn = (this.turn = turns[at] ?? null);
    if (!turn) return;
    const all = this.host.get('takes') ?? {};
    const takes = turn.takes.map((take) => all[take]).filter((take) => take !== undefined);
    const readOnly = this.host.get('project')?.read_only ?? false;
    this.title.textContent = `Turn ${at + 1}, ${turn.speaker}`;
    this.text.textContent = linesOf(this.host.get('script') ?? '', [turn]).get(turn.id) ?? '';
    this.marks.replaceChildren(...marksOf(turn));
    this.takes.update(
      takes.map((take, index) => ({ take, number: index + 1, chosen: take.id === turn.chosen, readOnly })),
    );
    this.none.hidden = takes.length > 0;
    this.none.textContent =
      turn.state === 'unspeakable'
        ? `${turn.reason}.`
        : turn.state === 'speaking'
          ? 'It is being spoken.'
          : 'Nothing was spoken of this turn yet. Generate speaks it, or press “Speak”.';
    this.recolor(turn, takes);
    this.showActions(turn, readOnly);
    this.compare.show(turn.id, takes, turn.chosen, readOnly);
    this.gap.update(readOnly);
  }

  focus(): void {
    (this.element.querySelector<HTMLElement>('.vvnb-take input:checked, .vvnb-take input') ?? this.regenerate).focus();
  }

  dispose(): void {
    this.compare.dispose();
    this.takes.dispose();
  }

  private showActions(turn: TurnState, readOnly: boolean): void {
    const whole = this.host.get('mode') === 'whole';
    this.regenerate.disabled = readOnly || whole || turn.state === 'unspeakable' || isBusy(this.host.get('job'));
    this.regenerate.lastChild!.textContent = turn.takes.length ? 'Speak again' : 'Speak';
    this.regenerate.title =
      turn.state === 'unspeakable' ? turn.reason : whole ? 'Only where the mode is “turn by turn”' : RESPEAK;
    this.play.disabled = turn.chosen === null;
  }

  private recolor(turn: TurnState, takes: readonly TakeState[]): void {
    const speakers = this.host.get('speakers') ?? [];
    const color = speakers.find((known) => known.label === turn.speaker)?.color ?? '';
    if (this.element.style.getPropertyValue('--speaker') === color) return;
    this.element.style.setProperty('--speaker', color);
    for (const take of takes) this.takes.get(take.id)?.redraw();
  }
}

function marksOf(turn: TurnState): HTMLElement[] {
  const marks = [];
  if (turn.state === 'changed')
    marks.push(badge('changed since', 'warning', 'The text or the voice is no longer what the chosen take said'));
  if (displayState(turn) === 'partial')
    marks.push(badge('stopped', 'warning', 'The chosen take was stopped before its end. Generate replaces it.'));
  if (turn.context_changed)
    marks.push(
      badge(
        'context changed',
        'warning',
        'The chosen take was spoken after other takes than are chosen now. It can stay, or be spoken again.',
      ),
    );
  if (turn.state === 'unspeakable') marks.push(badge('skipped', 'warning', turn.reason));
  if (turn.state === 'speaking') marks.push(badge('speaking', 'accent'));
  if (turn.state === 'queued') marks.push(badge('waiting'));
  if (turn.takes.length) marks.push(badge(count(turn.takes.length, 'take')));
  return marks;
}

function gapField(
  host: Host,
  failures: Failures,
  turn: () => TurnState | null,
): { element: HTMLElement; update(readOnly: boolean): void } {
  const id = freshId('gap');
  const input = h('input', {
    type: 'number',
    class: 'vvnb-input',
    'data-number': true,
    id,
    min: 0,
    max: LONGEST_GAP_MS,
    step: 50,
  });
  const set = (gap: number | null): void => {
    const now = turn();
    if (now && now.gap_ms !== gap)
      void failures.during(() => host.channel.call('set_gap', { turn: now.id, gap_ms: gap }));
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
      help(
        'Pause after this turn',
        'Silence put in when the turns are joined. Nothing has to be spoken again for it.',
        'A pause can also stand in the script, as [pause:500].',
      ),
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
