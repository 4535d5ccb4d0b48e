import { describe, expect, it } from 'vitest';

import { label, pair, reveal } from '../../src/core/takes/blind';

const name = (letter: string, take: string): string => `${letter}: the take ${take}`;

describe('a comparison', () => {
  it('keeps and shows the order when it is not blind', () => {
    const pairing = pair('x', 'y', false, () => 0);
    expect(pairing.takes).toEqual({ A: 'x', B: 'y' });
    expect(label(pairing, 'A', name)).toBe('A: the take x');
  });

  it('is shuffled when it is blind, and shows letters only before it is revealed', () => {
    const [heads, tails] = [pair('x', 'y', true, () => 0.1), pair('x', 'y', true, () => 0.9)];
    expect([heads.takes.A, tails.takes.A]).toEqual(['y', 'x']);
    for (const pairing of [heads, tails])
      expect([label(pairing, 'A', name), label(pairing, 'B', name)]).toEqual(['A', 'B']);
    expect(label(reveal(heads), 'A', name)).toBe('A: the take y');
    expect(reveal(heads).takes).toEqual(heads.takes);
  });

  it('is fair', () => {
    const swapped = Array.from({ length: 4000 }, () => pair('x', 'y', true).takes.A === 'y').filter(Boolean).length;
    expect(Math.abs(swapped - 2000)).toBeLessThan(200); // more than six standard deviations
  });
});
