/** The kernel's remarks on the script, as squiggles with quick fixes. */

import type { Diagnostic } from '@codemirror/lint';
import type { ChangeDesc, Text } from '@codemirror/state';

import type { ScriptDiagnostic } from '../host/traits';

/** UTF-16 offset of a column that counts code points. */
export function offsetOf(line: string, column: number): number {
  let offset = 0;
  for (let left = column - 1; left > 0 && offset < line.length; left--) {
    offset += line.codePointAt(offset)! > 0xffff ? 2 : 1;
  }
  return offset;
}

/** Remarks on the text `before`, at their places in the present one. */
export function toDiagnostics(remarks: readonly ScriptDiagnostic[], before: Text, moved: ChangeDesc): Diagnostic[] {
  const found: Diagnostic[] = [];
  for (const remark of remarks) {
    if (remark.line < 1 || remark.line > before.lines) continue;
    const line = before.line(remark.line);
    const from = moved.mapPos(line.from + offsetOf(line.text, remark.column), 1);
    const to = moved.mapPos(line.from + offsetOf(line.text, remark.end_column), -1);
    if (to < from) continue; // its words were deleted in the meantime
    found.push({
      from,
      to,
      severity: remark.severity,
      message: wordsOf(remark),
      ...(remark.fix === null ? {} : { actions: [remark.fix, ...(remark.alternatives ?? [])].map(quickFix) }),
    });
  }
  return found.sort((a, b) => a.from - b.from);
}

/** A sentence each for what is wrong, what was expected and what to do, unless the quick fix's button says that. */
function wordsOf({ message, expected, suggestion, fix }: ScriptDiagnostic): string {
  const offered = fix !== null && plain(suggestion) === plain(nameOf(fix));
  return [message, expected && `Expected: ${expected}`, offered ? '' : suggestion]
    .filter(Boolean)
    .map(sentence)
    .join(' ');
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
  if (!fix) return 'Delete it';
  if (fix.startsWith('\n')) return 'Split here';
  if (fix.startsWith('# ')) return 'Make it a comment';
  const shown = fix.length > 40 ? `${fix.slice(0, 39)}…` : fix;
  return `Write “${shown}”`;
}

const plain = (text: string): string => text.replace(/['"“”]/g, '').toLowerCase();
const sentence = (text: string): string =>
  `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`;
