import { describe, expect, it } from 'vitest';

import { wordDiff, type Words } from '../../src/core/takes/word_diff';

const shown = (runs: readonly Words[]): string =>
  runs
    .map(
      ({ kind, text }) =>
        ({ same: text.trimEnd(), removed: `-${text.trimEnd()}-`, added: `+${text.trimEnd()}+` })[kind],
    )
    .join(' ');

describe('the differences of two texts', () => {
  it.each([
    ['Good morning to all.', 'Good morning to all.', 'Good morning to all.'],
    ['Good morning, listeners.', 'Good morning, guests.', 'Good morning, -listeners- +guests+ .'],
    ['one two three four', 'one three four five', 'one -two- three four +five+'],
    ['', 'new words', '+new words+'],
    ['old words', '', '-old words-'],
    ['a b c', 'c b a', '-a b- c +b a+'],
    ['今天天气很好', '今天天气不好', '今天天气 -很好- +不好+'],
  ])('%s / %s', (before, after, expected) => expect(shown(wordDiff(before, after))).toBe(expected));

  it('contain all words of both texts, whatever they are', () => {
    let seed = 7;
    const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
    const text = (): string =>
      Array.from({ length: Math.floor(random() * 30) }, () => 'abcd'[Math.floor(random() * 4)]).join(' ');
    for (let n = 0; n < 200; n++) {
      const [before, after] = [text(), text()];
      const runs = wordDiff(before, after);
      const side = (skip: Words['kind']): string =>
        runs
          .filter(({ kind }) => kind !== skip)
          .map((run) => run.text)
          .join('')
          .replace(/\s+/g, '');
      expect([side('added'), side('removed')]).toEqual([before, after].map((one) => one.replace(/\s+/g, '')));
    }
  });

  it('of very long texts need no memory for all pairs of words', () => {
    const words = (from: number): string => Array.from({ length: 100_000 }, (_, i) => `w${i + from}`).join(' ');
    expect(wordDiff(words(0), words(500_000)).map(({ kind }) => kind)).toEqual(['removed', 'added']);
  });
});
