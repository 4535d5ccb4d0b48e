import { describe, expect, it, vi } from 'vitest';
import { KernelPeaks, LivePeaks, levelFor } from '../../src/core/player/peaks';
import { Tiles } from '../../src/core/player/tiles';
import { FakeChannel } from '../fake_channel';

const summary = { source: 'self', name: '', samples: 5_000_000, sample_rate: 24_000, revision: 0, turns: [] };

function kernel(): { channel: FakeChannel; drawn: () => void } {
  const channel = new FakeChannel((_method, params) => {
    const { start, stop, buckets } = params as { start: number; stop: number; buckets: number };
    const size = (stop - start) / buckets;
    const peaks = Int16Array.from({ length: 2 * buckets }, (_, i) => {
      const bucket = Math.round(start / size) + (i >> 1);
      return i % 2 ? bucket % 1000 : -(bucket % 1000);
    });
    return { result: { buckets }, buffers: [new DataView(peaks.buffer)] };
  });
  return { channel, drawn: vi.fn() };
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe('KernelPeaks', () => {
  it('draws from tiles it asks for once', async () => {
    const { channel, drawn } = kernel();
    const peaks = new KernelPeaks(channel.asChannel(), summary, drawn);
    const out = new Int16Array(2 * 1500);
    peaks.fill(8, 700, 1500, out);
    expect(out.every((value) => value === 0)).toBe(true);
    peaks.settle();
    await settled();
    expect(drawn).toHaveBeenCalled();
    peaks.fill(8, 700, 1500, out);
    peaks.settle();
    expect([out[0], out[1], out[2 * 1499], out[2 * 1499 + 1]]).toEqual([-700, 700, -199, 199]);
    expect(channel.calls).toHaveLength(3);
  });

  it('asks for no stretch that begins beyond the end, and fills up with silence', async () => {
    const { channel, drawn } = kernel();
    const peaks = new KernelPeaks(channel.asChannel(), summary, drawn);
    const out = new Int16Array(2 * 3000);
    for (let i = 0; i < 2; i++) {
      peaks.fill(12, 0, 3000, out);
      peaks.settle();
      await settled();
    }
    const asked = channel.calls.map(({ params }) => params as { start: number; stop: number; buckets: number });
    expect(asked.every(({ start, stop, buckets }) => start < 5_000_000 && stop - start === buckets * 4096)).toBe(true);
    expect(out[2 * 1220 + 1]).toBe(220);
    expect(out[2 * 1221 + 1]).toBe(0);
  });

  it('sketches from a coarser level while a finer one is on its way', async () => {
    const { channel, drawn } = kernel();
    const peaks = new KernelPeaks(channel.asChannel(), summary, drawn);
    const out = new Int16Array(2 * 100);
    peaks.fill(12, 0, 100, out);
    peaks.settle();
    await settled();
    peaks.fill(10, 40, 100, out);
    expect([out[1], out[2 * 4 + 1], out[2 * 99 + 1]]).toEqual([10, 11, 34]);
  });
});

describe('Tiles', () => {
  it('drops what is not wanted any more, and keeps within its budget', async () => {
    const asked: number[] = [];
    const load = async ({ index }: { index: number }): Promise<number> => (asked.push(index), index);
    const tiles = new Tiles(
      load,
      () => 10,
      50,
      () => undefined,
    );
    tiles.want(Array.from({ length: 20 }, (_, index) => ({ level: 0, index })));
    tiles.want([{ level: 0, index: 99 }]);
    await settled();
    expect(asked).toEqual([0, 1, 2, 99]);
    tiles.want(Array.from({ length: 8 }, (_, index) => ({ level: 1, index })));
    await settled();
    expect(tiles.bytes).toBe(50);
    expect(tiles.get({ level: 0, index: 0 })).toBeUndefined();
    expect(tiles.get({ level: 1, index: 7 })).toBe(7);
  });

  it('does not ask again at once for what failed, nor take what comes after it was cleared', async () => {
    const load = vi.fn().mockRejectedValue(new Error('no'));
    const tiles = new Tiles(
      load,
      () => 1,
      9,
      () => undefined,
    );
    for (let i = 0; i < 3; i++) {
      tiles.want([{ level: 0, index: 0 }]);
      await settled();
    }
    expect(load).toHaveBeenCalledOnce();
    load.mockResolvedValue(1);
    tiles.want([{ level: 0, index: 1 }]);
    tiles.clear();
    await settled();
    expect(tiles.get({ level: 0, index: 1 })).toBeUndefined();
  });
});

describe('LivePeaks', () => {
  it('agrees with the samples at every level, whatever the chunks', () => {
    const wave = (i: number): number => Math.round(9000 * Math.sin(i / 50) * Math.sin(i / 9000));
    const samples = Int16Array.from({ length: 20_000 }, (_, i) => wave(i));
    const peaks = new LivePeaks((start, count) => samples.subarray(start, start + count));
    for (let at = 0; at < samples.length;) {
      const size = 1 + ((at * 7919) % 5000);
      peaks.write(at, samples.subarray(at, at + size));
      at += size;
    }
    for (const level of [0, 3, 8, 10, 13]) {
      const count = Math.ceil(samples.length / 2 ** level);
      const out = new Int16Array(2 * count);
      peaks.fill(level, 0, count, out);
      for (let bucket = 0; bucket < count; bucket++) {
        const part = samples.subarray(bucket * 2 ** level, (bucket + 1) * 2 ** level);
        const [low, high] = [Math.min(...part), Math.max(...part)];
        const drawn = [out[2 * bucket], out[2 * bucket + 1]];
        const wanted = level === 0 ? [low, high] : [Math.min(0, low), Math.max(0, high)];
        if (drawn.join() !== wanted.join()) expect({ level, bucket, drawn }).toEqual({ level, bucket, drawn: wanted });
      }
    }
  });
});

it('chooses a level no wider than a pixel', () => {
  for (const width of [0.1, 1, 1.9, 2, 300, 92_571]) {
    expect(2 ** levelFor(width)).toBeLessThanOrEqual(Math.max(1, width));
    expect(2 ** levelFor(width)).toBeGreaterThan(width / 2 - 1);
  }
});
