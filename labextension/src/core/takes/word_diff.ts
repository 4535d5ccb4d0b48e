/** Differences between two texts, word by word. */

import { sharedWords, wordsOf, type Word } from '../ui/words';

export interface Words {
  kind: 'same' | 'removed' | 'added';
  /** With the blanks after it. */
  text: string;
}

/** Return unchanged, removed and added words, in the order of `after`. */
export function wordDiff(before: string, after: string): Words[] {
  const [old, now] = [wordsOf(before), wordsOf(after)];
  const runs: Words[] = [];
  const add = (kind: Words['kind'], text: string): void => {
    if (!text) return;
    const last = runs.at(-1);
    if (last?.kind === kind) last.text += text;
    else runs.push({ kind, text });
  };
  let [i, j] = [0, 0];
  for (const [same, twin] of [...sharedWords(old, now), [old.length, now.length] as const]) {
    add('removed', slice(before, old, i, same));
    add('added', slice(after, now, j, twin));
    add('same', slice(after, now, twin, twin + 1));
    [i, j] = [same + 1, twin + 1];
  }
  return runs;
}

/** Return the text of words `[start, stop)`, with the blanks after them. */
function slice(text: string, words: readonly Word[], start: number, stop: number): string {
  if (start >= Math.min(stop, words.length)) return '';
  return text.slice(words[start]!.from, words[stop]?.from ?? text.trimEnd().length);
}
