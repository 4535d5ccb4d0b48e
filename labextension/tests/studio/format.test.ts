import { describe, expect, it } from 'vitest';

import { bytes, clock, count, span, speed } from '../../src/core/ui/format';

describe('numbers in words', () => {
  it.each([
    [0, '0:00'],
    [59.4, '0:59'],
    [59.6, '1:00'],
    [3599.7, '1:00:00'],
    [3723, '1:02:03'],
    [-1, '0:00'],
    [Number.NaN, '0:00'],
  ])('a clock of %f s', (seconds, words) => expect(clock(seconds)).toBe(words));

  it.each([
    [7.04, '0:07.0'],
    [9.96, '0:10.0'],
    [59.97, '1:00.0'],
  ])('tenths of %f s', (seconds, words) => expect(clock(seconds, true)).toBe(words));

  it.each([
    [0.84, '0.8 s'],
    [9.94, '9.9 s'],
    [9.96, '10 s'],
    [59.6, '1 min'],
    [200, '3 min 20 s'],
    [3600, '1 h'],
    [3900, '1 h 5 min'],
  ])('a span of %f s', (seconds, words) => expect(span(seconds)).toBe(words));

  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [999_600, '1.0 MB'],
    [112_000_000, '112 MB'],
    [18.7e9, '18.7 GB'],
  ])('%d bytes', (number, words) => expect(bytes(number)).toBe(words));

  it.each([
    [0.55, '1.8× faster than real time (RTF 0.55)'],
    [2.5, '2.5× slower than real time (RTF 2.50)'],
    [1.0, 'as fast as real time (RTF 1.00)'],
    [0.01, '100.0× faster than real time (RTF 0.010)'],
    [0, ''],
    [Number.NaN, ''],
  ])('an RTF of %f', (rtf, words) => expect(speed(rtf)).toBe(words));

  it('counts', () => {
    expect([count(1, 'turn'), count(2, 'turn'), count(0, 'copy', 'copies')]).toEqual(['1 turn', '2 turns', '0 copies']);
  });
});
