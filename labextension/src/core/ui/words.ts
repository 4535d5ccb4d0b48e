/** Words of texts, and those that two texts share; in Chinese and Japanese, too, where no spaces part the words. */

/** A word or a mark: the range `[from, to)` of its text, without the blanks around it. */
export interface Word {
  text: string;
  from: number;
  to: number;
}

/** Largest number of pairs of words compared; beyond it, the differing middle has nothing in common. */
const MOST = 250_000;
/** Longest text split by `Intl.Segmenter`, whose time grows with the square of the length. */
const LONGEST_SEGMENTED = 4000;

/** Return words and marks; in very long texts, the pieces between blanks. */
export function wordsOf(text: string): Word[] {
  const pieces =
    text.length > LONGEST_SEGMENTED
      ? Array.from(text.matchAll(/\S+/g), ({ 0: segment, index }) => ({ segment, index }))
      : [...new Intl.Segmenter(undefined, { granularity: 'word' }).segment(text)];
  return pieces.flatMap(({ segment, index: from }) =>
    segment.trim() ? [{ text: segment, from, to: from + segment.length }] : [],
  );
}

/** Return the indexes `[before, after]` of words that both texts have in the same order: as many as possible. */
export function sharedWords(before: readonly Word[], after: readonly Word[]): [number, number][] {
  const [old, now] = [before, after].map((words) => words.map(({ text }) => text)) as [string[], string[]];
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head++;
  let tail = 0;
  while (tail < Math.min(old.length, now.length) - head && old.at(-1 - tail) === now.at(-1 - tail)) tail++;
  const [a, b] = [old.slice(head, old.length - tail), now.slice(head, now.length - tail)];
  const middle = a.length * b.length > MOST ? [] : longestCommon(a, b);
  return [
    ...Array.from({ length: head }, (_, at): [number, number] => [at, at]),
    ...middle.map(([i, j]): [number, number] => [i + head, j + head]),
    ...Array.from({ length: tail }, (_, at): [number, number] => [old.length - tail + at, now.length - tail + at]),
  ];
}

/** Indexes of the longest common subsequence of two lists. */
function longestCommon(a: readonly string[], b: readonly string[]): [number, number][] {
  const wide = b.length + 1;
  const common = new Uint16Array((a.length + 1) * wide);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      common[i * wide + j] =
        a[i] === b[j]
          ? common[(i + 1) * wide + j + 1]! + 1
          : Math.max(common[(i + 1) * wide + j]!, common[i * wide + j + 1]!);
  const found: [number, number][] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) found.push([i++, j++]);
    else if (common[(i + 1) * wide + j]! >= common[i * wide + j + 1]!) i++;
    else j++;
  }
  return found;
}
