/** Under the editor: how long the script is, how much of it is wrong, and the turn the cursor is in. */

import { h } from '../ui/dom';
import { count, span } from '../ui/format';
import { secondsOf, type TurnState } from '../host/traits';
import { describe } from './turns';

export class Footer {
  private readonly totals = h('span', { class: 'vvnb-editor-totals' });
  // Read out when the cursor comes to another turn: the gutter itself is hidden from screen readers.
  private readonly here = h('span', { class: 'vvnb-visually-hidden', role: 'status' });
  readonly element: HTMLElement;

  constructor(problems: HTMLElement) {
    this.element = h('div', { class: 'vvnb-editor-footer' }, this.totals, this.here, problems);
  }

  showTurns(turns: readonly TurnState[]): void {
    const pauses = turns.slice(0, -1).reduce((sum, turn) => sum + (turn.gap_ms ?? turn.pause_ms) / 1000, 0);
    const total = turns.reduce((sum, turn) => sum + secondsOf(turn), pauses);
    const spoken = turns.filter((turn) => turn.seconds !== null);
    const skipped = turns.filter((turn) => turn.state === 'unspeakable').length;
    const known = turns.every((turn) => (turn.seconds !== null && !turn.partial) || turn.state === 'unspeakable');
    const about = known ? '' : 'about ';
    const parts = [count(turns.length, 'turn'), `${about}${span(total)}`];
    if (spoken.length && about) parts.push(`${span(spoken.reduce((sum, turn) => sum + turn.seconds!, 0))} spoken`);
    if (skipped) parts.push(`${count(skipped, 'turn')} skipped`);
    this.totals.textContent = turns.length ? parts.join(' · ') : '';
  }

  showTurn(turn: TurnState | undefined): void {
    const words = turn ? describe(turn) : '';
    if (this.here.textContent !== words) this.here.textContent = words;
  }
}
