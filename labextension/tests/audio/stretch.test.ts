import { describe, expect, it } from 'vitest';
import { SAMPLE_RATE } from '../../src/core/audio/resample';
import { Stretcher, join } from '../../src/core/audio/stretch';
import { pitch, roughest, sine, vowel } from './signals';

function stretch(samples: Float32Array, speed: number, piece = samples.length): Float32Array {
  const stretcher = new Stretcher(speed);
  const parts: Float32Array[] = [];
  for (let at = 0; at < samples.length; at += piece) parts.push(stretcher.push(samples.subarray(at, at + piece)));
  return join([...parts, stretcher.flush()]);
}

const SPEEDS = [0.5, 0.75, 1.25, 1.5, 2];

describe('Stretcher', () => {
  it.each(SPEEDS)('keeps the pitch and scales the length at %s x', (speed) => {
    for (const sound of [sine(110, 0.8), sine(317, 0.8), vowel(105, 0.8), vowel(210, 0.8)]) {
      const out = stretch(sound, speed);
      expect(Math.abs(out.length / (sound.length / speed) - 1)).toBeLessThan(0.01);
      expect(Math.abs(pitch(out) / pitch(sound) - 1)).toBeLessThan(0.01);
    }
  });

  it.each(SPEEDS)('makes no click at %s x, nor changes the loudness', (speed) => {
    const sound = sine(220, 1);
    const out = stretch(sound, speed);
    expect(roughest(out)).toBeLessThan(1.25 * roughest(sound));
    const loudness = (samples: Float32Array): number =>
      Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
    expect(loudness(out) / loudness(sound)).toBeCloseTo(1, 1);
  });

  it('gives the same whatever the pieces', () => {
    const sound = vowel(120, 0.5);
    const whole = stretch(sound, 1.5);
    for (const piece of [77, 3200, 10_000]) expect(stretch(sound, 1.5, piece)).toEqual(whole);
  });

  it('works many times faster than real time', () => {
    const sound = vowel(120, 5);
    const before = performance.now();
    stretch(sound, 1.5, SAMPLE_RATE / 10);
    expect(performance.now() - before).toBeLessThan(1500);
  });

  it('survives silence and next to nothing', () => {
    expect(stretch(new Float32Array(24_000), 2).every((value) => value === 0)).toBe(true);
    expect(stretch(new Float32Array(10), 0.5).length).toBe(20);
    expect(stretch(new Float32Array(0), 0.5).length).toBe(0);
  });
});
