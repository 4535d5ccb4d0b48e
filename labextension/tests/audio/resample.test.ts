import { describe, expect, it } from 'vitest';
import { Resampler, int16Of, toFloat, toInt16 } from '../../src/core/audio/resample';
import { join } from '../../src/core/audio/stretch';
import { sine } from './signals';

function resample(samples: Float32Array, from: number, to: number, piece = samples.length): Float32Array {
  const resampler = new Resampler(from, to);
  const parts: Float32Array[] = [];
  for (let at = 0; at < samples.length; at += piece) parts.push(resampler.push(samples.subarray(at, at + piece)));
  return join([...parts, resampler.flush()]);
}

describe('Resampler', () => {
  it.each([44_100, 48_000, 16_000])('carries a tone over to %d Hz within 60 dB', (to) => {
    const out = resample(sine(1000, 0.5), 24_000, to);
    const wanted = sine(1000, 0.5, to);
    expect(Math.abs(out.length - wanted.length)).toBeLessThan(4);
    let fault = 0;
    for (let i = 200; i < wanted.length - 200; i++) fault = Math.max(fault, Math.abs(out[i]! - wanted[i]!));
    expect(fault).toBeLessThan(0.0005);
  });

  it('leaves out what the lower rate cannot carry', () => {
    const out = resample(sine(10_500, 0.2), 24_000, 16_000);
    expect(Math.max(...out.subarray(200, out.length - 200).map(Math.abs))).toBeLessThan(0.01);
  });

  it('gives the same whatever the pieces', () => {
    const whole = resample(sine(440, 0.2), 24_000, 44_100);
    for (const piece of [1, 100, 999]) {
      const out = resample(sine(440, 0.2), 24_000, 44_100, piece);
      expect(out.length).toBe(whole.length);
      expect(Math.max(...out.map((value, i) => Math.abs(value - whole[i]!)))).toBeLessThan(1e-6);
    }
  });
});

describe('conversion', () => {
  it('goes there and back, and clips', () => {
    const samples = Int16Array.from([-32768, -1, 0, 1, 32767]);
    expect(toInt16(toFloat(samples))).toEqual(samples);
    expect([...toInt16(Float32Array.from([2, -2]))]).toEqual([32767, -32768]);
  });

  it('reads views that begin at an odd byte, and ignores half a sample', () => {
    const bytes = new Uint8Array([9, 1, 0, 2, 0, 7]).buffer;
    expect([...int16Of(new DataView(bytes, 1))]).toEqual([1, 2]);
  });
});
