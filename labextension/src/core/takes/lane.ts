/** Lane of one turn: its takes side by side, actions on them, and the pause after the turn. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { badge, button, type Failures, freshId } from '../ui/elements';
import { help } from '../ui/popover';
import { Disposers } from '../ui/disposers';
import { Keyed } from '../ui/watch';
import { isBusy, displayState, type TakeState, type TurnState } from '../host/traits';
import { turnsOf } from '../host/turns';
import { t } from '../strings';
import { Comparison } from './compare';
import { TakeCard, type ShownTake } from './card';
import { linesOf } from './lines';

const LONGEST_GAP_MS = 60_000;

export class Lane {
  readonly element: HTMLElement;
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
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
    'aria-label': t('takes.takes_of_turn'),
  });
  private readonly takes: Keyed<ShownTake, TakeCard>;
  private readonly none = h('p', { class: 'vvnb-hint' });
  private readonly gap: ReturnType<typeof gapField>;

  constructor(
    private readonly host: Host,
    bus: Bus,
    failures: Failures,
    undo: HTMLElement,
    deleted: (message: string) => void,
  ) {
    const group = freshId('take');
    this.takes = this.disposers.child(
      new Keyed(
        this.cards,
        (shown) => shown.take.id,
        () => new TakeCard(host, bus, group, failures, deleted),
      ),
    );
    this.compare = this.disposers.child(new Comparison(host, failures));
    this.gap = gapField(host, failures, () => this.turn);
    this.play = button({
      label: t('takes.play_from_here'),
      icon: 'play',
      size: 'small',
      onclick: () => this.turn && bus.emit('seek', { turn: this.turn.id }),
    });
    this.regenerate = button({
      label: t('takes.regenerate'),
      icon: 'regenerate',
      size: 'small',
      onclick: () => this.turn && void failures.during(() => host.channel.call('regenerate', { turn: this.turn!.id })),
    });
    this.element = h(
      'div',
      { class: 'vvnb-lane', tabindex: -1, role: 'region', 'aria-label': t('takes.selected_turn') },
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

  /** Show a turn, its text and its takes. */
  show(id: string | null): void {
    const turns = turnsOf(this.host);
    const index = turns.findIndex((candidate) => candidate.id === id);
    const turn = (this.turn = turns[index] ?? null);
    if (!turn) return;
    const all = this.host.get('takes') ?? {};
    const takes = turn.takes.map((take) => all[take]).filter((take) => take !== undefined);
    const readOnly = this.host.get('project_state')?.read_only ?? false;
    this.title.textContent = t('takes.turn_title', { n: index + 1, speaker: turn.speaker });
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
          ? t('takes.generating')
          : t('takes.no_takes');
    this.recolor(turn, takes);
    this.showActions(turn, readOnly);
    this.compare.show(turn.id, takes, turn.chosen, readOnly);
    this.gap.update(readOnly);
  }

  focus(): void {
    (this.element.querySelector<HTMLElement>('.vvnb-take input:checked, .vvnb-take input') ?? this.regenerate).focus();
  }

  private showActions(turn: TurnState, readOnly: boolean): void {
    const whole = this.host.get('mode') === 'whole';
    this.regenerate.disabled = readOnly || whole || turn.state === 'unspeakable' || isBusy(this.host.get('job'));
    this.regenerate.lastChild!.textContent = turn.takes.length ? t('takes.regenerate') : t('takes.generate');
    this.regenerate.title =
      turn.state === 'unspeakable'
        ? turn.reason
        : whole
          ? t('takes.turn_mode_only', { mode: t('controls.mode_turns') })
          : t('takes.regenerate_hint');
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
  if (turn.state === 'changed') marks.push(badge(t('takes.changed_mark'), 'warning', t('takes.changed_hint')));
  if (displayState(turn) === 'partial') marks.push(badge(t('takes.partial_mark'), 'warning', t('takes.partial_hint')));
  if (turn.context_changed) marks.push(badge(t('takes.context_mark'), 'warning', t('takes.context_hint')));
  if (turn.state === 'unspeakable') marks.push(badge(t('takes.skipped_mark'), 'warning', turn.reason));
  if (turn.state === 'speaking') marks.push(badge(t('takes.generating_mark'), 'accent'));
  if (turn.state === 'queued') marks.push(badge(t('takes.queued_mark')));
  if (turn.takes.length) marks.push(badge(t('common.takes', { count: turn.takes.length })));
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
  const reset = button({ label: t('takes.pause_from_script'), kind: 'link', size: 'small', onclick: () => set(null) });
  return {
    element: h(
      'div',
      { class: 'vvnb-row vvnb-gap' },
      h('label', { for: id }, t('takes.pause_after')),
      h('span', { class: 'vvnb-row', 'data-tight': true, 'data-nowrap': true }, input, t('takes.ms')),
      help(t('takes.pause_after'), t('takes.pause_help'), t('takes.pause_in_script')),
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
