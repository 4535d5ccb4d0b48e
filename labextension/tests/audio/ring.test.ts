import { describe, expect, it } from 'vitest';
import { RingBuffer } from '../../src/core/audio/ring';

const ramp = (count: number, from = 0): Float32Array => Float32Array.from({ length: count }, (_, i) => from + i + 1);

function read(ring: RingBuffer, count: number): Float32Array {
  const out = new Float32Array(count);
  ring.read(out);
  return out;
}

describe('RingBuffer', () => {
  it('gives back in order what was written, over its edge many times', () => {
    const ring = new RingBuffer(100, 0);
    let written = 0;
    const heard: number[] = [];
    for (let round = 0; round < 200; round++) {
      written += ring.write(ramp((round * 37) % 61, written));
      heard.push(...read(ring, Math.min((round * 29) % 53, ring.queued)));
    }
    expect(heard.length).toBe(ring.played);
    expect(written).toBe(ring.played + ring.queued);
    expect(heard.every((value, i) => value === i + 1)).toBe(true);
  });

  it('takes no more than it has room for', () => {
    const ring = new RingBuffer(10);
    expect(ring.write(ramp(8))).toBe(8);
    expect(ring.write(ramp(8))).toBe(2);
    expect(ring.queued).toBe(10);
  });

  it('counts a run dry once, fills it with silence and does not count that as heard', () => {
    const ring = new RingBuffer(100, 4);
    ring.write(new Float32Array(20).fill(1));
    const out = read(ring, 32);
    expect(ring.underruns).toBe(1);
    expect(ring.played).toBe(20);
    expect([...out.slice(20)]).toEqual(new Array(12).fill(0));
    read(ring, 32);
    expect(ring.underruns).toBe(1);
    ring.write(new Float32Array(8).fill(1));
    read(ring, 16);
    expect(ring.underruns).toBe(2);
    expect(ring.played).toBe(28);
  });

  it('does not call the end an underrun', () => {
    const ring = new RingBuffer(100);
    ring.write(ramp(20));
    ring.end();
    read(ring, 64);
    expect(ring.underruns).toBe(0);
  });

  it('makes no step where the sound starts, stops short or is cut', () => {
    const ring = new RingBuffer(4096, 128);
    ring.write(new Float32Array(1000).fill(1));
    const out = [...read(ring, 512)];
    ring.clear();
    out.push(...read(ring, 256));
    ring.write(new Float32Array(300).fill(1));
    out.push(...read(ring, 256), ...read(ring, 256));
    let step = 0;
    for (let i = 1; i < out.length; i++) step = Math.max(step, Math.abs(out[i]! - out[i - 1]!));
    expect(step).toBeLessThan(0.03);
    expect(ring.played).toBe(300);
  });
});
