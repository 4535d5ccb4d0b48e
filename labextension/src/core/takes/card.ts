/** Card of one take. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { badge, button, type Failures } from '../ui/elements';
import { icon, type IconName } from '../ui/icons';
import { SAMPLE_RATE, span } from '../ui/format';
import { Disposers } from '../ui/disposers';
import { waveform, type Waveform } from '../ui/waveform';
import type { Methods } from '../host/protocol';
import type { TakeReview, TakeState } from '../host/traits';
import { loudnessText, paceText } from '../review/figures';
import { ReviewOfTake } from '../review/take';
import { t } from '../strings';
import { wordDiff } from './word_diff';

export interface ShownTake {
  take: TakeState;
  number: number;
  chosen: boolean;
  readOnly: boolean;
  /** Text of the line now; null if several turns share it. */
  line: string | null;
  /** Null if it was not reviewed. */
  review: TakeReview | null;
  /** Loudness of exports, in LUFS; null leaves it as it is. */
  exportLoudness: number | null;
  /** Differences from the chosen take, such as "20 steps". */
  differences: readonly string[];
}

const ENDINGS: Partial<Record<string, 'takes.stopped_early' | 'takes.cut_at_limit'>> = {
  cancelled: 'takes.stopped_early',
  length: 'takes.cut_at_limit',
};

export class TakeCard {
  readonly element: HTMLElement;
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  private readonly name = h('span', { class: 'vvnb-take-name' });
  private readonly choose: HTMLInputElement;
  private readonly play: HTMLButtonElement;
  private readonly star = this.small(
    t('takes.add_star'),
    'star',
    () => void this.ask('star_take', { take: this.id, starred: !this.shown?.take.starred }),
  );
  private readonly remove = this.small(t('takes.delete'), 'trash', () => void this.delete());
  private readonly wave: Waveform;
  private readonly words = h('p', { class: 'vvnb-take-words' });
  private readonly length = h('span', { class: 'vvnb-hint' });
  private readonly facts = h('dl', { class: 'vvnb-facts' });
  private readonly marks = h('div', { class: 'vvnb-row', 'data-tight': true });
  private readonly review: ReviewOfTake;
  private shown: ShownTake | null = null;
  private rendered = '';

  constructor(
    private readonly host: Host,
    bus: Bus,
    group: string,
    private readonly failures: Failures,
    private readonly deleted: (message: string) => void,
  ) {
    this.review = new ReviewOfTake(bus);
    this.wave = this.disposers.child(waveform(host, '--speaker-ink', 160));
    this.choose = h('input', {
      type: 'radio',
      name: group,
      onchange: () => void this.ask('choose_take', { turn: this.shown!.take.turn, take: this.id }),
    });
    this.play = button({
      label: t('takes.play'),
      icon: 'play',
      bare: true,
      size: 'small',
      onclick: () => bus.emit('audition', { source: `take:${this.id}`, autoplay: true }),
    });
    const row = (...children: HTMLElement[]): HTMLElement =>
      h('div', { class: 'vvnb-row', 'data-nowrap': true }, ...children);
    this.element = h(
      'div',
      { class: 'vvnb-card vvnb-take' },
      row(
        h('label', { class: 'vvnb-row vvnb-grow', 'data-nowrap': true }, this.choose, this.name, this.length),
        this.star,
        this.remove,
      ),
      row(this.play, h('div', { class: 'vvnb-take-wave' }, this.wave.element)),
      this.words,
      this.marks,
      this.review.element,
      h('details', { class: 'vvnb-take-details' }, h('summary', null, t('takes.details')), this.facts),
    );
  }

  update(shown: ShownTake): void {
    const key = JSON.stringify(shown);
    if (key === this.rendered) return;
    this.rendered = key;
    const { take, number, chosen, readOnly } = shown;
    if (!this.shown) this.wave.show(`take:${take.id}`, Math.round(take.seconds * SAMPLE_RATE));
    this.shown = shown;
    this.element.toggleAttribute('data-chosen', chosen);
    this.choose.checked = chosen;
    this.name.textContent = t('takes.take', { n: number });
    this.play.setAttribute('aria-label', t('takes.play_take', { n: number }));
    this.remove.setAttribute('aria-label', t('takes.delete_take', { n: number }));
    this.star.setAttribute('aria-label', t('takes.star_take', { n: number }));
    this.star.setAttribute('aria-pressed', String(take.starred));
    this.star.title = take.starred ? t('takes.remove_star') : t('takes.add_star');
    this.star.replaceChildren(icon('star', take.starred));
    this.choose.disabled = this.star.disabled = this.remove.disabled = readOnly;
    this.length.textContent = span(take.seconds);
    this.words.hidden = !take.earlier;
    this.words.replaceChildren(
      ...(take.earlier ? (shown.line === null ? [take.text] : diffOf(take.text, shown.line)) : []),
    );
    this.facts.replaceChildren(...factsOf(shown));
    this.marks.replaceChildren(...marksOf(shown));
    this.review.show(take.id, number, take.speaker, shown.review);
    this.marks.hidden = !this.marks.childElementCount;
  }

  redraw(): void {
    this.wave.redraw();
  }

  private get id(): string {
    return this.shown!.take.id;
  }

  private small(label: string, name: IconName, onclick: () => void): HTMLButtonElement {
    return button({ label, icon: name, bare: true, size: 'small', kind: 'quiet', onclick });
  }

  private ask<M extends keyof Methods>(method: M, params: Methods[M]): Promise<boolean> {
    return this.failures.during(() => this.host.channel.call(method, params));
  }

  private async delete(): Promise<void> {
    const message = t('takes.take_deleted', { n: this.shown!.number });
    if (await this.ask('delete_take', { take: this.id })) this.deleted(message);
  }
}

function factsOf({ take, review, exportLoudness }: ShownTake): HTMLElement[] {
  const facts: [string, string | null, string?][] = [
    [t('takes.seed'), take.seed === null ? null : String(take.seed)],
    [t('takes.steps'), take.num_steps === null ? null : String(take.num_steps)],
    [t('takes.cfg'), take.cfg_scale === null ? null : take.cfg_scale.toFixed(1)],
    [t('takes.rtf'), take.rtf === null ? null : take.rtf.toFixed(2)],
    [t('takes.model'), take.model.split('/').at(-1) || null],
    [t('takes.voice'), take.voice || null],
    [t('review.pace'), review && paceText(review), t('review.pace_hint', { speaker: take.speaker })],
    [t('review.loudness'), review && loudnessText(review, exportLoudness), t('review.loudness_hint')],
  ];
  return facts.flatMap(([name, value, hint]) =>
    value === null ? [] : [h('div', null, h('dt', null, name), h('dd', { title: hint ?? value }, value))],
  );
}

/** Words of a take: those that are gone from the line, and those that it lacks. */
function diffOf(said: string, line: string): (Node | string)[] {
  return wordDiff(said, line).flatMap(({ kind, text }) => {
    if (kind === 'same') return [text];
    const words = text.trimEnd();
    const label = kind === 'removed' ? t('takes.only_in_take') : t('takes.only_in_line');
    const tag = kind === 'removed' ? 'ins' : 'del';
    return [h(tag, { title: label, 'aria-label': `${label}: ${words}` }, words), text.slice(words.length) || ' '];
  });
}

function marksOf(shown: ShownTake): HTMLElement[] {
  const { take, chosen, differences } = shown;
  const marks = [];
  const ending = ENDINGS[take.ended];
  if (chosen) marks.push(badge(t('takes.chosen'), 'accent'));
  for (const difference of differences) marks.push(badge(difference));
  if (take.context_changed) marks.push(badge(t('takes.context_mark'), 'warning', t('takes.take_context_hint')));
  if (ending) marks.push(badge(t(ending), 'warning'));
  if (take.odd_length === 'short') marks.push(badge(t('takes.unusually_short'), 'warning', t('takes.short_hint')));
  if (take.odd_length === 'long') marks.push(badge(t('takes.unusually_long'), 'warning', t('takes.long_hint')));
  return marks;
}
