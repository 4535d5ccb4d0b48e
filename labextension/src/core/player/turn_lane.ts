/** Turn lane: speaker names above the waveform, with the text on hover and focus. */

import { t } from '../strings';
import { h } from '../ui/dom';
import { css } from './color';
import { prepare, type TurnColors } from './draw';
import type { TakeTurn } from '../host/traits';
import type { View } from './view';

const HEIGHT = 24;
/** Narrower turns, in pixels, are drawn as a stripe: too narrow for a name or a finger. */
const NARROWEST = 24;
const SURE = 0.5;

interface Place {
  turn: TakeTurn;
  left: number;
  right: number;
}

export class TurnLane {
  private readonly stripes = h('canvas', { 'aria-hidden': 'true' });
  private readonly chips = h('div', { role: 'group', 'aria-label': t('player.turns') });
  private readonly tip = h('div', { class: 'vvnb-deck-tip', role: 'tooltip', hidden: true });
  private readonly known = new Map<string, HTMLButtonElement>();
  readonly element = h('div', { class: 'vvnb-deck-turns' }, this.stripes, this.chips, this.tip);

  constructor(private readonly onpick: (turn: TakeTurn) => void) {
    this.element.addEventListener('pointerleave', () => this.hideTip());
    this.element.addEventListener('focusout', () => this.hideTip());
  }

  update(turns: readonly TakeTurn[], view: View, width: number, current: TakeTurn | null, colors: TurnColors): void {
    this.element.hidden = turns.length === 0;
    const context = prepare(this.stripes, width, HEIGHT);
    const wide: Place[] = [];
    for (const turn of turns) {
      const left = Math.max(0, view.xOf(turn.start));
      const right = Math.min(width, view.xOf(turn.stop));
      if (right <= left) continue;
      if (right - left >= NARROWEST) {
        wide.push({ turn, left, right });
        continue;
      }
      context.fillStyle = css(colors.of(turn));
      context.fillRect(left, HEIGHT - 4, Math.max(0.5, right - left - 1), 2);
    }
    const kept = new Set(wide.map(({ turn }) => turn.turn));
    for (const [id, chip] of this.known) if (!kept.has(id)) this.drop(id, chip);
    wide.forEach((place, index) => {
      const chip = this.known.get(place.turn.turn) ?? this.make(place.turn);
      if (this.chips.children[index] !== chip) this.chips.insertBefore(chip, this.chips.children[index] ?? null);
      const on = place.turn.turn === current?.turn;
      this.dress(chip, place, on, css(colors.of(place.turn)));
      chip.tabIndex = on || (!current && index === 0) ? 0 : -1;
    });
  }

  private make({ turn }: TakeTurn): HTMLButtonElement {
    const chip = h('button', { type: 'button', class: 'vvnb-deck-turn' });
    this.known.set(turn, chip);
    return chip;
  }

  private dress(chip: HTMLButtonElement, place: Place, on: boolean, color: string): void {
    const { turn, left, right } = place;
    chip.style.left = `${left}px`;
    chip.style.width = `${right - left - 1}px`;
    chip.style.setProperty('--turn', color);
    if (on) chip.setAttribute('aria-current', 'true');
    else chip.removeAttribute('aria-current');
    if (chip.textContent !== turn.label) chip.textContent = turn.label;
    chip.setAttribute('aria-label', turn.text ? `${turn.label}: ${turn.text}` : turn.label || t('player.turn'));
    chip.onclick = () => this.onpick(turn);
    chip.onpointerenter = chip.onfocus = () => this.showTip(chip, turn);
  }

  private drop(id: string, chip: HTMLButtonElement): void {
    this.known.delete(id);
    if (chip.matches(':hover, :focus')) this.hideTip();
    chip.remove();
  }

  private showTip(chip: HTMLElement, { label, text, confidence }: TakeTurn): void {
    const estimated = confidence < SURE && h('em', null, ` ${t('player.estimated_boundaries')}`);
    this.tip.replaceChildren(h('strong', null, label), ` ${text}`, estimated || '');
    this.tip.hidden = false;
    const space = this.element.clientWidth - this.tip.offsetWidth;
    this.tip.style.left = `${Math.max(0, Math.min(chip.offsetLeft, space))}px`;
  }

  private hideTip(): void {
    this.tip.hidden = true;
  }
}
