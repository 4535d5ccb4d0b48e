/** Differences between two texts, word by word; in Chinese and Japanese, too, where no spaces part the words. */

export interface Words {
  kind: 'same' | 'removed' | 'added';
  /** With the blanks after it. */
  text: string;
}

/** Largest number of pairs of words compared; beyond it, the differing middle counts as replaced. */
const MOST = 250_000;
/** Longest text split by `Intl.Segmenter`, whose time grows with the square of the length. */
const LONGEST_SEGMENTED = 4000;

/** Return unchanged, removed and added words, in the order of `after`. */
export function wordDiff(before: string, after: string): Words[] {
  const [old, now] = [wordsOf(before), wordsOf(after)];
  let head = 0;
  while (head < old.length && head < now.length && same(old[head]!, now[head]!)) head++;
  let tail = 0;
  while (tail < Math.min(old.length, now.length) - head && same(old.at(-1 - tail)!, now.at(-1 - tail)!)) tail++;
  const [a, b] = [old.slice(head, old.length - tail), now.slice(head, now.length - tail)];
  const runs: Words[] = [];
  const add = (kind: Words['kind'], words: readonly string[]): void => {
    if (!words.length) return;
    const last = runs.at(-1);
    const text = words.join('');
    if (last?.kind === kind) last.text += text;
    else runs.push({ kind, text });
  };
  add('same', now.slice(0, head));
  if (a.length * b.length > MOST) {
    add('removed', a);
    add('added', b);
  } else {
    for (const [kind, word] of steps(a, b)) add(kind, [word]);
  }
  add('same', now.slice(now.length - tail));
  return runs;
}

const same = (one: string, other: string): boolean => one.trimEnd() === other.trimEnd();

/** Words and marks, each with the blanks after it; in very long texts, the pieces between blanks. */
function wordsOf(text: string): string[] {
  if (text.length > LONGEST_SEGMENTED) return text.trim().match(/\S+\s*/g) ?? [];
  const words: string[] = [];
  for (const { segment } of new Intl.Segmenter(undefined, { granularity: 'word' }).segment(text.trim())) {
    if (segment.trim() || !words.length) words.push(segment);
    else words[words.length - 1] += segment;
  }
  return words;
}

/** Steps from one list of words to another, by their longest common subsequence. */
function steps(a: readonly string[], b: readonly string[]): [Words['kind'], string][] {
  const wide = b.length + 1;
  const common = new Uint16Array((a.length + 1) * wide);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      common[i * wide + j] = same(a[i]!, b[j]!)
        ? common[(i + 1) * wide + j + 1]! + 1
        : Math.max(common[(i + 1) * wide + j]!, common[i * wide + j + 1]!);
  const found: [Words['kind'], string][] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && same(a[i]!, b[j]!)) {
      found.push(['same', b[j]!]);
      i++;
      j++;
    } else if (i < a.length && (j === b.length || common[(i + 1) * wide + j]! >= common[i * wide + j + 1]!)) {
      found.push(['removed', a[i++]!]);
    } else found.push(['added', b[j++]!]);
  }
  return found;
}
