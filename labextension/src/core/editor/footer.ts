/** Under the editor: how long it is, what is wrong with it, and the turn the cursor is in. */

import { h, replace } from '../dom';
import { icon } from '../kit/icons';
import { count, span } from '../kit/format';
import type { TurnState } from '../state';
import type { Remark } from './diagnostics';
import { describe, seconds } from './turns';

export class Footer {
  private readonly totals = h('span', { class: 'vvnb-editor-totals' });
  // Read out when the cursor comes to another turn: the gutter itself is hidden from screen readers.
  private readonly here = h('span', { class: 'vvnb-visually-hidden', role: 'status' });
  private readonly problems: HTMLButtonElement;
  readonly element: HTMLElement;

  constructor(onProblems: () => void) {
    this.problems = h('button', { type: 'button', class: 'vvnb-button', 'data-kind': 'quiet', 'data-size': 'small' });
    this.problems.addEventListener('click', onProblems);
    this.problems.title = 'Show the remarks on the script (F8 goes to the next one)';
    this.element = h('div', { class: 'vvnb-editor-footer' }, this.totals, this.here, this.problems);
  }

  showTurns(turns: readonly TurnState[]): void {
    const pauses = turns.slice(0, -1).reduce((sum, turn) => sum + (turn.gap_ms ?? turn.pause_ms) / 1000, 0);
    const total = turns.reduce((sum, turn) => sum + seconds(turn), pauses);
    const spoken = turns.filter((turn) => turn.seconds !== null);
    const about = spoken.length === turns.length ? '' : 'about ';
    const parts = [count(turns.length, 'turn'), `${about}${span(total)}`];
    if (spoken.length && about) parts.push(`${span(spoken.reduce((sum, turn) => sum + seconds(turn), 0))} spoken`);
    this.totals.textContent = turns.length ? parts.join(' · ') : '';
  }

  showRemarks(remarks: readonly Remark[]): void {
    const problems = remarks.filter(({ severity }) => severity !== 'info');
    const errors = problems.filter(({ severity }) => severity === 'error').length;
    const warnings = problems.length - errors;
    const words = [errors && count(errors, 'error'), warnings && count(warnings, 'warning')].filter(Boolean).join(', ');
    this.problems.hidden = !problems.length;
    this.problems.dataset['tone'] = errors ? 'danger' : 'warning';
    if (this.problems.textContent !== words) replace(this.problems, icon('alert'), words);
  }

  showTurn(turn: TurnState | undefined): void {
    const words = turn ? describe(turn) : '';
    if (this.here.textContent !== words) this.here.textContent = words;
  }
}
