import { describe, expect, it } from 'vitest';
import { View } from '../../src/core/player/view';

const LENGTH = 90 * 60 * 24_000;

function view(): View {
  const made = new View(1000, LENGTH);
  made.fit();
  return made;
}

describe('View', () => {
  it('keeps what is under the pointer where it is', () => {
    const seen = view();
    for (const [factor, x] of [
      [0.5, 300],
      [0.3, 900],
      [1.4, 20],
      [0.01, 500],
    ] as const) {
      const before = seen.sampleAt(x);
      seen.zoom(factor, x);
      if (seen.start > 0 && seen.stop < LENGTH) expect(seen.sampleAt(x)).toBeCloseTo(before, 3);
    }
  });

  it('never shows what is not there, nor less than 50 ms', () => {
    const seen = view();
    for (let i = 0; i < 60; i++) seen.zoom(0.5, 999);
    expect(seen.stop - seen.start).toBeCloseTo(1200);
    for (const pixels of [1e9, -1e9]) {
      seen.pan(pixels);
      expect(seen.start).toBeGreaterThanOrEqual(0);
      expect(seen.stop).toBeLessThanOrEqual(LENGTH + 1e-6);
    }
    for (let i = 0; i < 60; i++) seen.zoom(2);
    expect([seen.start, seen.stop, seen.whole]).toEqual([0, LENGTH, true]);
  });

  it('turns the page when the playhead leaves it, not before', () => {
    const seen = view();
    seen.zoom(0.01, 0);
    expect(seen.follow(seen.sampleAt(500))).toBe(false);
    const beyond = seen.sampleAt(990);
    expect(seen.follow(beyond)).toBe(true);
    expect(seen.xOf(beyond)).toBeCloseTo(50);
  });

  it('stays fitted while the source grows, and stays put when it is zoomed', () => {
    const seen = new View(1000, 48_000);
    seen.fit();
    seen.resize(1000, 96_000);
    expect(seen.stop).toBe(96_000);
    seen.zoom(0.5, 0);
    seen.resize(1000, 192_000);
    expect([seen.start, seen.stop]).toEqual([0, 48_000]);
  });

  it('shows short sources and none at all', () => {
    for (const length of [0, 10]) {
      const seen = new View(500, length);
      seen.fit();
      expect(seen.perPixel).toBeGreaterThan(0);
      seen.zoom(0.5);
      expect(seen.start).toBe(0);
    }
  });
});

describe('a view of audio that is being generated', () => {
  it('keeps its scale while the audio grows, and pages with the playhead', () => {
    const seen = new View(1000, 0);
    seen.fix(480_000);
    const scale = seen.perPixel;
    for (let length = 0; length <= 960_000; length += 3200) {
      seen.resize(1000, length);
      seen.follow(length);
      expect(seen.perPixel).toBe(scale);
      expect(seen.xOf(length)).toBeLessThan(1000);
    }
    expect(seen.start).toBeGreaterThan(0);
    seen.fit();
    expect(seen.whole).toBe(true);
  });

  it('shows the same range when it appears, and in a page of another width', () => {
    const seen = new View(1, 0); // hidden
    seen.fix(480_000);
    for (const width of [1000, 400]) {
      seen.resize(width, 3200);
      expect(seen.stop - seen.start).toBe(480_000);
      expect(seen.xOf(240_000)).toBe(width / 2);
    }
  });
});
