/** Edits of whole turns in the script: move, merge, split, delete, another speaker, a pause. All can be undone. */

import type { ChangeSpec, EditorState, TransactionSpec } from '@codemirror/state';

import { labelsField } from './highlight';
import { turnsField } from './turns';

/** A turn in the text, or several that share a line: their lines, and their block, which ends where the next begins. */
export interface TurnPlace {
  ids: readonly string[];
  speaker: string;
  from: number;
  /** End of its last line. */
  to: number;
  /** Start of the next turn, or the end of the script. */
  next: number;
}

const PAUSE = ' [pause:500]';

/** All turns, in order. */
export function placesOf(state: EditorState): TurnPlace[] {
  const { doc } = state;
  const { lines } = state.field(turnsField);
  return lines.flatMap(({ at, turns }, index) => {
    const [turn] = turns;
    if (!turn) return [];
    const first = doc.lineAt(at);
    const following = lines[index + 1];
    const next = following ? doc.lineAt(following.at).from : doc.length;
    const last = doc.line(Math.min(doc.lines, first.number + turn.end_line - turn.line));
    return [
      { ids: turns.map(({ id }) => id), speaker: turn.speaker, from: first.from, to: Math.min(last.to, next), next },
    ];
  });
}

/** The turns that a selection touches. */
export function placesIn(state: EditorState, from: number, to: number): TurnPlace[] {
  return placesOf(state).filter((place) => place.from <= to && (place.next > from || place.to >= from));
}

/** Move neighboring turns up or down by one turn; null at the end of the script. */
export function move(state: EditorState, places: readonly TurnPlace[], direction: -1 | 1): TransactionSpec | null {
  const begin = placesOf(state).findIndex(({ from }) => from === places[0]?.from);
  return moveBefore(state, places, direction < 0 ? begin - 1 : begin + places.length + 1);
}

/** Move neighboring turns before turn number `target`, from 0 to the number of turns; null if they are there. */
export function moveBefore(state: EditorState, places: readonly TurnPlace[], target: number): TransactionSpec | null {
  const all = placesOf(state);
  const begin = all.findIndex(({ from }) => from === places[0]?.from);
  const end = begin + places.length;
  if (begin < 0 || target < 0 || target > all.length || (target >= begin && target <= end)) return null;
  const up = target < begin;
  const [upper, lower] = up ? [all.slice(target, begin), places] : [places, all.slice(end, target)];
  const from = upper[0]!.from;
  const middle = lower[0]!.from;
  const to = lower.at(-1)!.next;
  const { doc } = state;
  const [above, below] = [doc.sliceString(from, middle), doc.sliceString(middle, to)];
  // The script's last line may have no line break.
  const insert = below.endsWith('\n') ? below + above : `${below}\n${above.replace(/\n$/, '')}`;
  const delta = up ? from - middle : below.endsWith('\n') ? below.length : below.length + 1;
  const { anchor, head } = state.selection.main;
  const clip = (at: number): number => Math.max(0, Math.min(doc.length, at + delta));
  return {
    changes: { from, to, insert },
    selection: { anchor: clip(anchor), head: clip(head) },
    scrollIntoView: true,
    userEvent: 'move.line',
  };
}

/** Join the next turn to this one; its label is removed. Null if a comment or a pause is between them. */
export function mergeWithNext(state: EditorState, place: TurnPlace): TransactionSpec | null {
  const next = placesOf(state).find(({ from }) => from === place.next);
  const label = next && labelEnd(state, next);
  if (!label || state.doc.sliceString(place.to, next.from).trim()) return null;
  const { text, from } = state.doc.lineAt(label);
  const blanks = text.slice(label - from).match(/^\s{0,99}/)![0].length;
  return { changes: { from: place.to, to: label + blanks, insert: ' ' }, userEvent: 'delete.join' };
}

/** Begin a new turn of the same speaker at a position inside a turn. */
export function splitAt(state: EditorState, place: TurnPlace, position: number): TransactionSpec | null {
  const label = labelEnd(state, place);
  if (label === null || position <= label || position >= place.to) return null;
  const before = state.doc.sliceString(label, position);
  const after = state.doc.sliceString(position, place.to);
  if (!before.trim() || !after.trim()) return null;
  const name = state.doc.sliceString(place.from, label);
  const blanks = [before.length - before.trimEnd().length, after.length - after.trimStart().length] as const;
  const insert = `\n${name} `;
  const from = position - blanks[0];
  return {
    changes: { from, to: position + blanks[1], insert },
    selection: { anchor: from + insert.length },
    userEvent: 'input.split',
  };
}

export function remove(places: readonly TurnPlace[]): TransactionSpec {
  return { changes: places.map(({ from, next }) => ({ from, to: next })), userEvent: 'delete.line' };
}

/** Give turns to another speaker; turns without a label of their own stay. */
export function setSpeaker(state: EditorState, places: readonly TurnPlace[], speaker: string): TransactionSpec {
  const changes: ChangeSpec[] = [];
  for (const place of places) {
    const label = labelEnd(state, place);
    if (label !== null) changes.push({ from: place.from, to: label, insert: `${speaker}:` });
  }
  return { changes, userEvent: 'input.speaker' };
}

export const insertPause = (place: TurnPlace): TransactionSpec => ({
  changes: { from: place.to, insert: PAUSE },
  userEvent: 'input.pause',
});

/** Position after a turn's label and colon; null if its line has none. */
function labelEnd(state: EditorState, place: TurnPlace): number | null {
  const line = state.doc.lineAt(place.from);
  const label = state
    .field(labelsField)
    .tokens(line.text)
    .find(({ kind }) => kind === 'label');
  return label ? line.from + label.to : null;
}
