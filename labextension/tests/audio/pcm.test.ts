import { describe, expect, it, vi } from 'vitest';
import { PieceStore, StoreFeed, type Store } from '../../src/core/audio/pcm';
import { SAMPLE_RATE, toInt16 } from '../../src/core/audio/resample';
import { pitch, roughest, sine } from './signals';

const PIECE = 6 * SAMPLE_RATE;

/** A source whose sample k is k modulo 30,000, and what was asked of it. */
function counting(length: number, cacheBytes?: number) {
  const asked: number[] = [];
  const arrived = vi.fn();
  const fetch = async (start: number, count: number): Promise<Int16Array> => {
    asked.push(start);
    return Int16Array.from({ length: count }, (_, i) => (start + i) % 30_000);
  };
  const failed = vi.fn();
  return { store: new PieceStore(length, fetch, arrived, failed, cacheBytes), asked, arrived, failed };
}

async function play(playback: StoreFeed, samples: number): Promise<Float32Array> {
  const out = new Float32Array(samples);
  let at = 0;
  for (let idle = 0; at < samples && idle < 50;) {
    const block = playback.pull(Math.min(2400, samples - at));
    if (block === null) break;
    out.set(block.subarray(0, samples - at), at);
    at += block.length;
    if (block.length) idle = 0;
    else {
      idle++;
      await Promise.resolve();
    }
  }
  return out.subarray(0, Math.min(at, samples));
}

const values = (samples: Float32Array): number[] => [...samples].map((value) => Math.round(value * 32768));

describe('a recorded source', () => {
  it('plays every sample once, over the borders of its pieces', async () => {
    const { store } = counting(2 * PIECE + 1000);
    const out = values(await play(new StoreFeed(store), 3 * PIECE));
    expect(out).toHaveLength(2 * PIECE + 1000);
    expect(out.findIndex((value, i) => value !== i % 30_000)).toBe(-1);
  });

  it('fetches one piece ahead and nothing twice', async () => {
    const { store, asked } = counting(10 * PIECE);
    await play(new StoreFeed(store), 2400);
    expect(asked).toEqual([0, PIECE]);
    await play(new StoreFeed(store, { position: PIECE + 5 }), 2400);
    expect(asked).toEqual([0, PIECE, 2 * PIECE]);
  });

  it('begins at any sample', async () => {
    const { store } = counting(3 * PIECE);
    const out = values(await play(new StoreFeed(store, { position: PIECE - 3 }), 10));
    expect(out).toEqual(Array.from({ length: 10 }, (_, i) => (PIECE - 3 + i) % 30_000));
  });

  it('keeps a bounded number of pieces', async () => {
    const { store } = counting(6 * PIECE, 3 * 2 * PIECE);
    await play(new StoreFeed(store), 6 * PIECE);
    expect(store.bytes).toBeLessThanOrEqual(3 * 2 * PIECE);
  });

  it('tells a failure, and asks again when it is read again', async () => {
    const failed = vi.fn();
    const fetch = vi.fn().mockRejectedValue(new Error('gone'));
    const store = new PieceStore(PIECE, fetch, () => undefined, failed);
    store.read(0, 10);
    await vi.waitFor(() => expect(failed).toHaveBeenCalled());
    store.read(0, 10);
    expect(fetch).toHaveBeenCalledTimes(2);
  });
});

/** All there from the start. */
function whole(samples: Float32Array): Store {
  const read = (at: number, count: number): Float32Array => samples.slice(at, at + count);
  return { length: samples.length, growing: false, read, prefetch: () => undefined, starved: () => undefined };
}

describe('StoreFeed', () => {
  it('says which sample was heard, through a loop', async () => {
    const { store } = counting(PIECE);
    const playback = new StoreFeed(store, { position: 500, loop: { start: 1000, stop: 3000 } });
    await play(playback, 10_000);
    expect(playback.positionAt(0)).toBe(500);
    expect(playback.positionAt(2499)).toBe(2999);
    expect(playback.positionAt(2500)).toBe(1000);
    expect(playback.positionAt(4600)).toBe(1100);
  });

  it('jumps back in a loop without a click', async () => {
    const sound = sine(100, 1);
    const out = await play(new StoreFeed(whole(sound), { loop: { start: 1000, stop: 5060 } }), 30_000);
    expect(out).toHaveLength(30_000);
    expect(roughest(out)).toBeLessThan(1.5 * roughest(sound));
  });

  it('leaves a loop alone that lies behind', async () => {
    const { store } = counting(20_000);
    const out = await play(new StoreFeed(store, { position: 6000, loop: { start: 0, stop: 5000 } }), 30_000);
    expect(out).toHaveLength(14_000);
  });

  it.each([0.5, 1.5, 2])('at %s x keeps pitch and length, also over pieces, and knows where it is', async (speed) => {
    const sound = sine(200, 6.6);
    const fetch = async (start: number, count: number): Promise<Int16Array> =>
      toInt16(sound.subarray(start, start + count));
    const store = new PieceStore(
      sound.length,
      fetch,
      () => undefined,
      () => undefined,
    );
    const playback = new StoreFeed(store, { speed });
    const out = await play(playback, 15 * SAMPLE_RATE);
    expect(Math.abs(out.length / (sound.length / speed) - 1)).toBeLessThan(0.01);
    expect(Math.abs(pitch(out) / 200 - 1)).toBeLessThan(0.01);
    expect(roughest(out)).toBeLessThan(1.25 * roughest(sound));
    expect(playback.positionAt(2 * SAMPLE_RATE)).toBe(2 * SAMPLE_RATE * speed);
  });
});
