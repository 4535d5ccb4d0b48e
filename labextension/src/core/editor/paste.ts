/**
 * Cleanup of text pasted from a word processor: unusual spaces, soft line breaks, runs of blank lines, and other
 * notations of speaker labels. Words are never changed.
 */

import { isolateHistory } from '@codemirror/commands';
import { EditorSelection, Transaction } from '@codemirror/state';
import { EditorView } from '@codemirror/view';

import { labelsField } from './highlight';
import type { Labels } from './labels';

const DASHED = /^(\p{L}[^\s:：–—-]*(?: [^\s:：–—-]+){0,2})(?:\s+[-–—]|[–—]|\t)\s*(?=\S)/u;

export function cleanPaste(text: string, labels: Labels): string {
  const lines = text
    .replace(/\r\n?|[\v\f\u0085\u2028\u2029]/g, '\n')
    .replace(/[\u00a0\u2000-\u200a\u202f\u205f\u3000]/g, ' ')
    .replace(/[\u00ad\u200b\u2060\ufeff]/g, '')
    .split('\n')
    .map((line) => line.trimEnd());
  const dashed = countDashed(lines);
  return lines
    .map((line) => relabel(line, labels, dashed))
    .join('\n')
    .replace(/\t+/g, ' ')
    .replace(/\n{3,}/g, '\n\n');
}

/** Rewrite `Anna - Hello.` or `Anna⇥Hello.` with a colon if Anna is a speaker or starts several lines this way. */
function relabel(line: string, labels: Labels, dashed: Map<string, number>): string {
  const match = DASHED.exec(line.trimStart());
  const name = match?.[1];
  if (!match || !name || !(labels.get(name) || (dashed.get(name) ?? 0) > 1)) return line;
  return `${name}: ${line.trimStart().slice(match[0].length)}`;
}

function countDashed(lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const name = DASHED.exec(line.trimStart())?.[1];
    if (name && /^\p{Lu}/u.test(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** Paste handler: insert the text unchanged, then clean it up, so that one undo restores the original text. */
export const pasteFromDocument = EditorView.domEventHandlers({
  paste(event, view) {
    const raw = event.clipboardData?.getData('text/plain').replace(/\r\n?/g, '\n');
    if (!raw || view.state.readOnly || view.state.selection.ranges.length > 1) return false;
    const clean = cleanPaste(raw, view.state.field(labelsField));
    if (clean === raw) return false;
    event.preventDefault();
    const { from } = view.state.selection.main;
    view.dispatch(view.state.replaceSelection(raw), {
      annotations: [Transaction.userEvent.of('input.paste'), isolateHistory.of('full')],
    });
    view.dispatch({
      changes: { from, to: from + raw.length, insert: clean },
      selection: EditorSelection.cursor(from + clean.length),
      scrollIntoView: true,
      annotations: [Transaction.userEvent.of('input.paste'), isolateHistory.of('full')],
    });
    return true;
  },
});
