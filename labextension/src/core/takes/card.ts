/** One take. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { badge, button, type Failures } from '../ui/elements';
import { icon, type IconName } from '../ui/icons';
import { SAMPLE_RATE, span } from '../ui/format';
import { waveform, type Waveform } from '../ui/waveform';
import type { Methods } from '../host/protocol';
import type { TakeState } from '../host/traits';

export interface ShownTake {
  take: TakeState;
  number: number;
  chosen: boolean;
  readOnly: boolean;
}

const ENDS: Record<string, string> = { cancelled: 'stopped early', length: 'cut at the limit' };

export class TakeCard {
  readonly element: HTMLElement;
  private readonly name = h('span', { class: 'vvnb-take-name' });
  private readonly choose: HTMLInputElement;
  private readonly play: HTMLButtonElement;
  private readonly star = this.small('Star', 'star', () =>
    this.ask('star_take', { take: this.id, starred: !this.shown?.take.starred }),
  );
  private readonly remove = this.small('Delete this take', 'trash', () => void this.delete());
  private readonly wave: Waveform;
  private readonly facts = h('dl', { class: 'vvnb-facts' });
  private readonly marks = h('div', { class: 'vvnb-row', 'data-tight': true });
  private shown: ShownTake | null = null;
  private before = '';

  constructor(
    private readonly host: Host,
    bus: Bus,
    group: string,
    private readonly failures: Failures,
    private readonly deleted: (words: string) => void,
  ) {
    this.wave = waveform(host, '--speaker-ink', 160);
    this.choose = h('input', {
      type: 'radio',
      name: group,
      onchange: () => this.ask('choose_take', { turn: this.shown!.take.turn, take: this.id }),
    });
    this.play = button({
      label: 'Play this take',
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
        h('label', { class: 'vvnb-row vvnb-grow', 'data-nowrap': true }, this.choose, this.name),
        this.star,
        this.remove,
      ),
      row(this.play, h('div', { class: 'vvnb-take-wave' }, this.wave.element)),
      this.facts,
      this.marks,
    );
  }

  update(shown: ShownTake): void {
    const now = JSON.stringify(shown);
    if (now === this.before) return;
    this.before = now;
    const { take, number, chosen, readOnly } = shown;
    if (!this.shown) this.wave.show(`take:${take.id}`, Math.round(take.seconds * SAMPLE_RATE));
    this.shown = shown;
    this.element.toggleAttribute('data-chosen', chosen);
    this.choose.checked = chosen;
    this.name.textContent = `Take ${number}`;
    this.play.setAttribute('aria-label', `Play take ${number}`);
    this.remove.setAttribute('aria-label', `Delete take ${number}`);
    this.star.setAttribute('aria-label', `Star take ${number}`);
    this.star.setAttribute('aria-pressed', String(take.starred));
    this.star.title = take.starred ? 'Remove the star' : 'Star: remember this one';
    this.star.replaceChildren(icon('star', take.starred));
    this.choose.disabled = this.star.disabled = this.remove.disabled = readOnly;
    this.facts.replaceChildren(...factsOf(take));
    this.marks.replaceChildren(...marksOf(shown));
    this.marks.hidden = !this.marks.childElementCount;
  }

  redraw(): void {
    this.wave.redraw();
  }

  dispose(): void {
    this.wave.dispose();
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
    const words = `Take ${this.shown!.number} deleted.`;
    if (await this.ask('delete_take', { take: this.id })) this.deleted(words);
  }
}

function factsOf(take: TakeState): HTMLElement[] {
  const facts: [string, string | null][] = [
    ['Length', span(take.seconds)],
    ['Seed', take.seed === null ? null : String(take.seed)],
    ['Steps', take.num_steps === null ? null : String(take.num_steps)],
    ['CFG', take.cfg_scale === null ? null : take.cfg_scale.toFixed(1)],
    ['RTF', take.rtf === null ? null : take.rtf.toFixed(2)],
    ['Model', take.model.split('/').at(-1) || null],
  ];
  return facts.flatMap(([word, value]) =>
    value === null ? [] : [h('div', null, h('dt', null, word), h('dd', { title: value }, value))],
  );
}

function marksOf({ take, chosen }: ShownTake): HTMLElement[] {
  const marks = [];
  if (chosen) marks.push(badge('chosen', 'accent'));
  if (take.context_changed)
    marks.push(badge('context changed', 'warning', 'It was spoken after other takes than are chosen now'));
  if (ENDS[take.ended]) marks.push(badge(ENDS[take.ended], 'warning'));
  if (take.odd_length)
    marks.push(
      badge(
        `unusually ${take.odd_length}`,
        'warning',
        `Far too ${take.odd_length} for its text: listen to it, and regenerate it if words are wrong`,
      ),
    );
  return marks;
}
