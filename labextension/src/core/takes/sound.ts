/** Sound of a turn: gain, pace and pause of the turn, trim of its chosen take. Nothing is regenerated. */

import { h } from '../ui/dom';
import { decibels, gainField, paceField } from '../ui/adjusting';
import { Disposers } from '../ui/disposers';
import { button, freshId, type Failures } from '../ui/elements';
import { SAMPLE_RATE, span } from '../ui/format';
import { Latest } from '../ui/latest';
import { help } from '../ui/popover';
import { sliderField } from '../ui/slider_field';
import { TrimHandles, type TrimRange } from '../ui/trim_handles';
import type { Host } from '../host/host';
import type { Methods } from '../host/protocol';
import { RANGES } from '../host/ranges';
import type { TakeState, TurnState } from '../host/traits';
import { t } from '../strings';

/** Longest pause on the slider, seconds; longer ones are typed. */
const LONGEST = 3;
/** Least audio that a trim leaves, in samples; the kernel accepts no less. */
const LEAST = 0.05 * SAMPLE_RATE;

type Values = Pick<Methods['adjust_turn'], 'gain' | 'pace'> & { pause: number | null };

export class SoundGroup {
  readonly element: HTMLElement;
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  private turn: TurnState | null = null;
  private take: TakeState | null = null;
  private values: Values = { gain: 0, pace: 1, pause: null };
  private readonly gain = gainField(t('common.gain'), (gain) => this.adjust({ gain }));
  private readonly pace = paceField(t('common.pace'), (pace) => this.adjust({ pace }));
  private readonly pause = sliderField({
    label: t('takes.pause_after'),
    range: RANGES.pause,
    slider: { min: 0, max: LONGEST },
    step: 0.05,
    unit: t('takes.s'),
    compact: true,
    about: help(t('takes.pause_after'), t('takes.pause_help'), t('takes.pause_in_script')),
    onchange: (pause) => this.adjust({ pause }),
  });
  private readonly fromScript = button({
    label: t('takes.pause_from_script'),
    kind: 'link',
    size: 'small',
    onclick: () => this.adjust({ pause: null }),
  });
  private readonly limited = h('p', { class: 'vvnb-hint', role: 'status' });
  private readonly handles: TrimHandles;
  private readonly trimmed = h('span', { class: 'vvnb-hint' });
  private readonly whole = button({
    label: t('takes.play_whole'),
    kind: 'link',
    size: 'small',
    onclick: () => this.take && this.trim([0, this.take.samples]),
  });
  private readonly reset = button({
    label: t('takes.reset_sound'),
    kind: 'link',
    size: 'small',
    title: t('takes.reset_sound_hint'),
    onclick: () => this.adjust({ gain: 0, pace: 1, pause: null }),
  });
  private readonly ofTake: HTMLElement;
  private readonly adjusting: Latest<{ turn: string; values: Values }>;
  private readonly trimming: Latest<Methods['trim_take']>;

  constructor(host: Host, failures: Failures) {
    const during = (work: () => Promise<unknown>): Promise<unknown> => failures.during(work);
    this.adjusting = new Latest(
      ({ turn, values }) => during(() => host.channel.call('adjust_turn', { turn, ...values })),
      ({ turn }) => turn,
    );
    this.trimming = new Latest(
      (params) => during(() => host.channel.call('trim_take', params)),
      ({ take }) => take,
    );
    this.handles = this.disposers.child(
      new TrimHandles(host, {
        labels: [t('takes.trim_start'), t('takes.trim_end')],
        hints: [t('takes.trim_start_hint'), t('takes.trim_end_hint')],
        least: LEAST,
        step: 0.01,
        digits: 2,
        onmove: (range) => this.trim(range),
      }),
    );
    this.ofTake = h(
      'div',
      { class: 'vvnb-stack', 'data-tight': true },
      this.handles.element,
      h('div', { class: 'vvnb-row' }, this.trimmed, this.whole),
    );
    const title = freshId('sound');
    this.element = h(
      'section',
      { class: 'vvnb-sound', role: 'group', 'aria-labelledby': title },
      h('div', { class: 'vvnb-row' }, h('h4', { id: title, class: 'vvnb-grow' }, t('takes.sound')), this.reset),
      this.ofTake,
      this.gain.element,
      this.limited,
      this.pace.element,
      this.pause.element,
      this.fromScript,
    );
  }

  update(turn: TurnState, take: TakeState | null, readOnly: boolean): void {
    this.turn = turn;
    const { gain, pace, gap_ms: gap } = turn;
    const given: Values = { gain, pace, pause: gap === null ? null : gap / 1000 };
    this.values = { ...given, ...this.adjusting.pending(turn.id)?.values };
    this.showValues();
    for (const field of [this.gain, this.pace, this.pause]) field.disable(readOnly);
    for (const action of [this.reset, this.fromScript, this.whole]) action.disabled = readOnly;
    this.limited.hidden = turn.gain_limit === null;
    if (turn.gain_limit !== null)
      this.limited.textContent = t('takes.gain_limited', { gain: decibels(turn.gain_limit) });
    const sameTake = take?.id === this.take?.id;
    this.take = take;
    this.ofTake.hidden = take === null;
    if (!take) return;
    const { start, stop } = this.trimming.pending(take.id) ?? { start: take.trim_start, stop: take.trim_stop };
    const range: TrimRange = sameTake && this.handles.dragging ? this.handles.range : [start, stop];
    this.handles.show(`take:${take.id}`, take.samples, range, readOnly);
    this.showTrim();
  }

  private adjust(change: Partial<Values>): void {
    if (!this.turn) return;
    Object.assign(this.values, change);
    this.showValues();
    this.adjusting.set({ turn: this.turn.id, values: { ...this.values } });
  }

  private trim([start, stop]: TrimRange): void {
    const { take } = this;
    if (!take) return;
    this.handles.show(`take:${take.id}`, take.samples, [start, stop], false);
    this.showTrim();
    this.trimming.set({ take: take.id, start, stop });
  }

  private showValues(): void {
    const { gain, pace, pause } = this.values;
    this.gain.show(gain);
    this.pace.show(pace);
    this.pause.show(pause ?? (this.turn?.pause_ms ?? 0) / 1000);
    this.fromScript.hidden = pause === null;
    this.reset.hidden = gain === 0 && pace === 1 && pause === null;
  }

  private showTrim(): void {
    const [start, stop] = this.handles.range;
    const total = this.take?.samples ?? 0;
    const seconds = (samples: number): string => span(samples / SAMPLE_RATE, 2);
    this.whole.hidden = start === 0 && stop === total;
    this.trimmed.textContent = this.whole.hidden
      ? t('takes.trim_help')
      : t('takes.trimmed', { start: seconds(start), end: seconds(total - stop), left: seconds(stop - start) });
  }
}
