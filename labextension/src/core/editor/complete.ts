/** Completion of speaker labels at the start of a line, and of pauses. */

import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';

import { labelsField } from './highlight';
import { nameKey } from './labels';

const PAUSES: Completion[] = ['[pause]', '[pause:300]', '[pause:500]', '[pause:2000]'].map((label, index) => ({
  label,
  type: 'pause',
  boost: -index,
}));

export function completions(context: CompletionContext): CompletionResult | null {
  const pause = context.matchBefore(/\[p?a?u?s?e?:?\d*$/i);
  if (pause) return { from: pause.from, options: PAUSES, validFor: /^\[p?a?u?s?e?:?\d*$/i };
  const start = context.matchBefore(/^\s*[^:：\s][^:：]{0,39}$|^\s*$/u);
  if (!start || (!context.explicit && !start.text.trim())) return null;
  const typed = nameKey(start.text);
  const speakers = context.state.field(labelsField).speakers.filter(({ label }) => nameKey(label).startsWith(typed));
  if (!speakers.length) return null;
  return {
    from: start.from + start.text.length - start.text.trimStart().length,
    options: speakers.map(({ label }) => ({ label, apply: `${label}: `, type: 'speaker' })),
    filter: false,
    update: (_result, _from, _to, next) => completions(next),
  };
}
