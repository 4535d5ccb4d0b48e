/** Footer of the editor: duration of the script, its problems, and the turn at the cursor. */

import { h } from '../ui/dom';
import { span } from '../ui/format';
import { isGenerated, secondsOf, type ReviewDifference, type TurnState } from '../host/traits';
import { t } from '../strings';
import { describe } from './turns';

export class Footer {
  private readonly totals = h('span', { class: 'vvnb-editor-totals' });
  // For screen readers, from which the gutter is hidden.
  private readonly current = h('span', { class: 'vvnb-visually-hidden', role: 'status' });
  readonly element: HTMLElement;

  constructor(...more: HTMLElement[]) {
    this.element = h('div', { class: 'vvnb-editor-footer' }, this.totals, this.current, ...more);
  }

  showTurns(turns: readonly TurnState[]): void {
    const pauses = turns.slice(0, -1).reduce((sum, turn) => sum + (turn.gap_ms ?? turn.pause_ms) / 1000, 0);
    const total = turns.reduce((sum, turn) => sum + secondsOf(turn), pauses);
    const generated = turns.filter(isGenerated);
    const skipped = turns.filter((turn) => turn.state === 'unspeakable').length;
    const known = turns.every((turn) => (isGenerated(turn) && !turn.partial) || turn.state === 'unspeakable');
    const length = span(total);
    const parts = [t('common.turns', { count: turns.length }), known ? length : t('editor.about', { length })];
    if (generated.length && !known)
      parts.push(t('editor.generated', { length: span(generated.reduce((sum, turn) => sum + turn.seconds!, 0)) }));
    if (skipped) parts.push(t('editor.turns_skipped', { count: skipped }));
    this.totals.textContent = turns.length ? parts.join(' · ') : '';
  }

  showTurn(turn: TurnState | undefined, heard: readonly ReviewDifference[]): void {
    const text = turn ? describe(turn, heard) : '';
    if (this.current.textContent !== text) this.current.textContent = text;
  }
}
