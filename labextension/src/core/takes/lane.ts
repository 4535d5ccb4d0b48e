/** Lane of one turn: its text, its takes, actions on them, and its sound. */

import { decibels, times } from '../ui/adjusting';
import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { badge, button, type Failures, freshId, relabel } from '../ui/elements';
import { Disposers } from '../ui/disposers';
import { Keyed } from '../ui/watch';
import { isBusy, displayState, type TakeState, type TurnState } from '../host/traits';
import { turnsOf } from '../host/turns';
import { t } from '../strings';
import { Comparison } from './compare';
import { TakeCard, type ShownTake } from './card';
import { linesOf } from './lines';
import { EXPORT_LOUDNESS } from '../review/figures';
import { listens, reviewOfTake, unready } from '../review/model';
import { SoundGroup } from './sound';

/** A pause in the script, which is not a word. */
const PAUSE = /\s{0,9}\[pause[^\]]{0,20}\]/gi;

export class Lane {
  readonly element: HTMLElement;
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  private turn: TurnState | null = null;
  private playing: string | null = null;
  private exportLoudness: number | null = EXPORT_LOUDNESS;
  private readonly title = h('h3');
  private readonly marks = h('span', { class: 'vvnb-row', 'data-tight': true });
  private readonly text = h('p', { class: 'vvnb-lane-text' });
  private readonly play: HTMLButtonElement;
  private readonly regenerate: HTMLButtonElement;
  private readonly listen: HTMLButtonElement;
  private readonly compare: Comparison;
  private readonly cards = h('div', {
    class: 'vvnb-take-cards',
    role: 'radiogroup',
    'aria-label': t('takes.takes_of_turn'),
  });
  private readonly takes: Keyed<ShownTake, TakeCard>;
  private readonly earlierTitle = h('h4', { title: t('takes.earlier_hint') }, t('takes.earlier'));
  private readonly earlierCards = h('div', {
    class: 'vvnb-take-cards',
    role: 'radiogroup',
    'aria-label': t('takes.earlier'),
  });
  private readonly earlier: Keyed<ShownTake, TakeCard>;
  private readonly none = h('p', { class: 'vvnb-hint' });
  private readonly sound: SoundGroup;

  constructor(
    private readonly host: Host,
    bus: Bus,
    failures: Failures,
    deleted: (message: string) => void,
  ) {
    const group = freshId('take');
    const keyed = (parent: HTMLElement): Keyed<ShownTake, TakeCard> =>
      this.disposers.child(
        new Keyed(
          parent,
          (shown) => shown.take.id,
          () => new TakeCard(host, bus, group, failures, deleted),
        ),
      );
    this.takes = keyed(this.cards);
    this.earlier = keyed(this.earlierCards);
    this.compare = this.disposers.child(new Comparison(host, failures));
    this.sound = this.disposers.child(new SoundGroup(host, failures));
    this.play = button({
      label: t('takes.play_from_here'),
      icon: 'play',
      size: 'small',
      onclick: () => {
        if (this.isPlaying) bus.emit('act', { action: 'play' });
        else if (this.turn) bus.emit('seek', { turn: this.turn.id });
      },
    });
    this.regenerate = button({
      label: t('takes.regenerate'),
      icon: 'regenerate',
      size: 'small',
      onclick: () => this.turn && bus.emit('regenerate', { turns: [this.turn.id], takes: 1 }),
    });
    this.listen = button({
      label: t('review.listen_turn'),
      icon: 'ear',
      size: 'small',
      onclick: () => {
        if (unready(host)) bus.emit('setUpReview', {});
        else if (this.turn) {
          const takes = [...this.turn.takes];
          void failures.during(() => host.channel.call('review', { takes }));
        }
      },
    });
    this.element = h(
      'div',
      { class: 'vvnb-lane', tabindex: -1, role: 'region', 'aria-label': t('takes.selected_turn') },
      h('div', { class: 'vvnb-row' }, h('span', { class: 'vvnb-dot' }), this.title, this.marks),
      this.text,
      h('div', { class: 'vvnb-row' }, this.regenerate, this.play, this.listen, this.compare.button),
      this.compare.element,
      this.none,
      this.cards,
      this.sound.element,
      this.earlierTitle,
      this.earlierCards,
    );
    this.disposers.add(
      bus.on('exportLoudness', ({ target }) => {
        this.exportLoudness = target;
        this.show(this.turn?.id ?? null);
      }),
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
    this.marks.replaceChildren(...marksOf(turn));
    const line = linesOf(this.host.get('script') ?? '', [turn]).get(turn.id) ?? '';
    const shared = turns.some((other) => other !== turn && other.line === turn.line);
    const chosen = takes.find((take) => take.id === turn.chosen);
    const cards = takes.map((take, index) => ({
      take,
      number: index + 1,
      chosen: take === chosen,
      readOnly,
      review: reviewOfTake(this.host, take.id),
      exportLoudness: this.exportLoudness,
      line: shared ? null : line.replace(PAUSE, ''),
      differences: take === chosen || !chosen ? [] : differencesOf(take, chosen),
    }));
    this.text.textContent = line;
    this.takes.update(cards.filter(({ take }) => !take.earlier));
    this.earlier.update(cards.filter(({ take }) => take.earlier));
    this.earlierTitle.hidden = this.earlierCards.childElementCount === 0;
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
    this.sound.update(turn, chosen ?? null, readOnly);
  }

  /** Mark the turn that is playing; Play becomes Pause if it is the selected one, so that Space pauses. */
  setPlaying(turn: string | null): void {
    this.playing = turn;
    this.labelPlay();
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
    this.listen.hidden = !turn.takes.length || !listens(this.host);
    this.listen.title = unready(this.host) || t('review.listen_turn_hint');
    this.play.disabled = turn.chosen === null && !this.isPlaying;
    this.labelPlay();
  }

  private get isPlaying(): boolean {
    return this.turn !== null && this.turn.id === this.playing;
  }

  private labelPlay(): void {
    if (this.isPlaying) relabel(this.play, t('common.pause'), 'pause');
    else relabel(this.play, t('takes.play_from_here'), 'play');
  }

  private recolor(turn: TurnState, takes: readonly TakeState[]): void {
    const speakers = this.host.get('speakers') ?? [];
    const color = speakers.find((known) => known.label === turn.speaker)?.color ?? '';
    if (this.element.style.getPropertyValue('--speaker') === color) return;
    this.element.style.setProperty('--speaker', color);
    for (const take of takes) (this.takes.get(take.id) ?? this.earlier.get(take.id))?.redraw();
  }
}

/** Settings and voice in which a take differs from the chosen one. */
function differencesOf(take: TakeState, chosen: TakeState): string[] {
  const differences: (string | false)[] = [
    take.voice !== chosen.voice && take.voice !== '' && t('takes.with_voice', { voice: take.voice }),
    take.num_steps !== chosen.num_steps && take.num_steps !== null && t('takes.with_steps', { count: take.num_steps }),
    take.cfg_scale !== chosen.cfg_scale &&
      take.cfg_scale !== null &&
      t('takes.with_cfg', { cfg: take.cfg_scale.toFixed(1) }),
    take.model !== chosen.model && take.model !== '' && (take.model.split('/').at(-1) ?? ''),
  ];
  return differences.filter((difference): difference is string => Boolean(difference));
}

function marksOf(turn: TurnState): HTMLElement[] {
  const marks = [];
  if (turn.state === 'changed') marks.push(badge(t('takes.changed_mark'), 'warning', t('takes.changed_hint')));
  if (displayState(turn) === 'partial') marks.push(badge(t('takes.partial_mark'), 'warning', t('takes.partial_hint')));
  if (turn.context_changed) marks.push(badge(t('takes.context_mark'), 'warning', t('takes.context_hint')));
  if (turn.state === 'unspeakable') marks.push(badge(t('takes.skipped_mark'), 'warning', turn.reason));
  if (turn.state === 'speaking') marks.push(badge(t('takes.generating_mark'), 'accent'));
  if (turn.state === 'queued') marks.push(badge(t('takes.queued_mark')));
  const sound = [turn.gain !== 0 && decibels(turn.gain), turn.pace !== 1 && times(turn.pace)].filter(Boolean);
  if (sound.length) marks.push(badge(sound.join(', '), undefined, t('takes.adjusted_hint')));
  if (turn.takes.length) marks.push(badge(t('common.takes', { count: turn.takes.length })));
  return marks;
}
