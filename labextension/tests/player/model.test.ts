import { describe, expect, it } from 'vitest';
import { fromLab, legible, toLab, type Rgb } from '../../src/core/player/color';
import { rulerLabel, rulerStep } from '../../src/core/player/draw';
import type { TakeTurn } from '../../src/core/host/traits';
import { lastBefore, mapped, spoken, summaryOf, turnAt } from '../../src/core/player/model';
import { COLOR_MAP } from '../../src/core/player/color_map';
import { heightOf, hertzAt } from '../../src/core/player/frequencies';

const turn = (id: string, start: number, stop: number): TakeTurn => ({
  turn: id,
  label: id.toUpperCase(),
  text: `I am ${id}.`,
  color: '',
  start,
  stop,
  confidence: 1,
  words: [],
});
const TURNS = [turn('a', 0, 100), turn('b', 120, 300), turn('c', 300, 1_600_000)];

describe('turns', () => {
  it('are found by sample, and not in a pause', () => {
    const found = [0, 99, 100, 119, 120, 299, 300].map((at) => turnAt(TURNS, at)?.turn);
    expect(found).toEqual(['a', 'a', undefined, undefined, 'b', 'b', 'c']);
    expect(lastBefore(TURNS, 110)?.turn).toBe('a');
    expect(turnAt([], 5)).toBeNull();
  });

  it('are the same words in another rendering', () => {
    const others = [turn('b', 0, 50), turn('c', 50, 90)];
    expect(mapped(130, TURNS, others)).toBe(10);
    expect(mapped(290, TURNS, others)).toBe(49);
    expect(mapped(50, TURNS, others)).toBe(50);
    expect([130, 290].map((at) => mapped(at, TURNS, others, true))).toEqual([3, 47]);
  });

  it('are said with the time', () => {
    expect(spoken(63 * 24_000 + 5, TURNS)).toBe('1 minute 3 seconds, C: I am c.');
    expect(spoken(0, [])).toBe('0 seconds');
    expect(spoken(3601 * 24_000, [])).toBe('1 hour 1 second');
  });

  it('may be missing, as the whole summary may', () => {
    expect(summaryOf({})).toBeNull();
    expect(summaryOf(null)).toBeNull();
    expect(summaryOf({ source: 'self', samples: 5 })).toMatchObject({ name: 'self', turns: [], revision: 0 });
  });
});

describe('the ruler', () => {
  it('has room for its labels, and the decimals they need', () => {
    for (const perPixel of [1e-5, 0.001, 0.02, 1, 5]) expect(rulerStep(perPixel) / perPixel).toBeGreaterThanOrEqual(76);
    expect(rulerLabel(65, 5)).toBe('1:05');
    expect(rulerLabel(3725, 5)).toBe('1:02:05');
    expect(rulerLabel(0.15, 0.05)).toBe('0:00.15');
    expect(rulerLabel(59.9999999, 0.2)).toBe('1:00.0');
  });
});

describe('colors', () => {
  const lightness = (rgb: Rgb): number => toLab(rgb)[0];

  it('go through OKLab and back', () => {
    for (const rgb of [
      [0, 0, 0],
      [255, 255, 255],
      [12, 200, 99],
    ] as const)
      expect(fromLab(toLab(rgb))).toEqual(rgb);
  });

  it('are dark enough on light ground and light enough on dark', () => {
    for (const rgb of [
      [255, 255, 0],
      [0, 0, 60],
      [120, 120, 120],
    ] as const) {
      expect(lightness(legible(rgb, false))).toBeLessThan(0.66);
      expect(lightness(legible(rgb, true))).toBeGreaterThan(0.66);
    }
  });

  it('of the spectrogram become lighter from silence to full scale', () => {
    const at = (i: number): Rgb => [COLOR_MAP[4 * i]!, COLOR_MAP[4 * i + 1]!, COLOR_MAP[4 * i + 2]!];
    const steps = Array.from({ length: 256 }, (_, i) => lightness(at(i)));
    for (let i = 1; i < 256; i++) expect(steps[i]! - steps[i - 1]!).toBeGreaterThan(-0.004);
    expect([steps[0]! < 0.1, steps[255]! > 0.9]).toEqual([true, true]);
  });
});

it('puts frequencies where the kernel draws them', () => {
  expect([0, 12_000].map((hertz) => heightOf(hertz, 'mel'))).toEqual([0, 1]);
  expect(heightOf(1000, 'mel')).toBeCloseTo(0.2933, 4); // librosa: 15 of 51.14 mel
  expect(heightOf(3000, 'linear')).toBe(0.25);
});

it('reads the frequency back from a height', () => {
  for (const scale of ['mel', 'linear'] as const)
    for (const hertz of [0, 120, 999, 1001, 4000, 12_000])
      expect(hertzAt(heightOf(hertz, scale), scale)).toBeCloseTo(hertz, 6);
});
