import { describe, expect, it } from 'vitest';

import { loudnessText, paceText } from '../../src/core/review/figures';
import { review } from './reviews';

describe('the figures of a review', () => {
  it.each([
    [151.6, null, '152 words/min'],
    [150, 1.04, '150 words/min'],
    [180, 1.2, '180 words/min, 20 % faster than usual'],
    [120, 0.8, '120 words/min, 20 % slower than usual'],
    [null, null, null],
  ])('compare a pace of %s with the usual one (%s)', (words_per_minute, relative_pace, text) => {
    expect(paceText({ ...review(), words_per_minute, relative_pace })).toBe(text);
  });

  it.each([
    [-19.34, -16, '-19.3 LUFS (export -16)'],
    [-19.34, null, '-19.3 LUFS'],
    [null, -16, null],
  ])('show a loudness of %s beside that of exports (%s)', (loudness, target, text) => {
    expect(loudnessText({ ...review(), loudness }, target)).toBe(text);
  });
});
