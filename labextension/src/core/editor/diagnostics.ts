/** The kernel's diagnostics as CodeMirror diagnostics: underlined, with quick fixes. */

import type { Diagnostic } from '@codemirror/lint';
import type { ChangeDesc, Text } from '@codemirror/state';

import type { ScriptDiagnostic } from '../host/traits';
import { t } from '../strings';

/** UTF-16 offset of a column that counts code points. */
export function offsetOf(line: string, column: number): number {
  let offset = 0;
  for (let left = column - 1; left > 0 && offset < line.length; left--) {
    offset += line.codePointAt(offset)! > 0xffff ? 2 : 1;
  }
  return offset;
}

/** Range in the present text of columns in the text `before`; null if their text has been deleted since. */
export function rangeOf(
  place: { line: number; column: number; end_column: number },
  before: Text,
  moved: ChangeDesc,
): { from: number; to: number } | null {
  if (place.line < 1 || place.line > before.lines) return null;
  const line = before.line(place.line);
  const from = moved.mapPos(line.from + offsetOf(line.text, place.column), 1);
  const to = moved.mapPos(line.from + offsetOf(line.text, place.end_column), -1);
  return to < from ? null : { from, to };
}

/** Convert diagnostics of the text `before` to positions in the present text. */
export function toDiagnostics(diagnostics: readonly ScriptDiagnostic[], before: Text, moved: ChangeDesc): Diagnostic[] {
  const converted: Diagnostic[] = [];
  for (const diagnostic of diagnostics) {
    const range = rangeOf(diagnostic, before, moved);
    if (!range) continue;
    converted.push({
      ...range,
      severity: diagnostic.severity,
      message: messageOf(diagnostic),
      ...(diagnostic.fix === null ? {} : { actions: [diagnostic.fix, ...diagnostic.alternatives].map(quickFix) }),
    });
  }
  return converted.sort((a, b) => a.from - b.from);
}

/** Join message, expectation and suggestion, one sentence each; omit a suggestion that the quick fix carries out. */
function messageOf({ message, expected, suggestion, fix }: ScriptDiagnostic): string {
  const repeated = fix !== null && isRepeated(suggestion, fix);
  return [message, expected && t('editor.expected', { expected }), repeated ? '' : suggestion]
    .filter(Boolean)
    .map(sentence)
    .join(' ');
}

/** Return true if a suggestion, which the kernel writes in English, describes the quick fix. */
function isRepeated(suggestion: string, fix: string): boolean {
  const plain = (text: string): string => text.replace(/['"“”]/g, '').toLowerCase();
  const text = plain(suggestion);
  if (!fix) return text === 'delete it' || text === 'remove it';
  if (fix.startsWith('# ')) return text === 'make it a comment';
  return text === `write ${plain(fix)}` || text === `replace it with ${plain(fix)}`;
}

function quickFix(fix: string): NonNullable<Diagnostic['actions']>[number] {
  return {
    name: nameOf(fix),
    apply(view, from, to) {
      const around = view.state.sliceDoc(Math.max(0, from - 1), from) + view.state.sliceDoc(to, to + 1);
      const spare = fix.startsWith('\n') ? around.startsWith(' ') : !fix && /^ (?:[\s,.;:!?]|$)/.test(around);
      view.dispatch({ changes: { from: spare ? from - 1 : from, to, insert: fix }, userEvent: 'input.fix' });
    },
  };
}

function nameOf(fix: string): string {
  if (!fix) return t('editor.delete_it');
  if (fix.startsWith('\n')) return t('editor.split_here');
  if (fix.startsWith('# ')) return t('editor.make_comment');
  const shown = fix.length > 40 ? `${fix.slice(0, 39)}…` : fix;
  return t('editor.replace_with', { text: shown });
}

const sentence = (text: string): string =>
  `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`;
