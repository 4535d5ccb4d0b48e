/** Text of each turn, taken from the script. */

import type { TurnState } from '../host/traits';

const LABEL = /^\s*(?:\[\d+\]|[^:\n]{1,80}?)\s*:\s*/;

/** Return the text of each turn by id, without its label. */
export function linesOf(script: string, turns: readonly TurnState[]): Map<string, string> {
  const lines = script.split(/\r\n|\r|\n/);
  return new Map(
    turns.map((turn) => {
      const text = lines.slice(turn.line - 1, Math.max(turn.line, turn.end_line)).join(' ');
      return [turn.id, text.replace(LABEL, '').replace(/\s+/g, ' ').trim()];
    }),
  );
}
