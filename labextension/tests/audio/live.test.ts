import { describe, expect, it, vi } from 'vitest';
import { Live, LiveStore, type LiveEvents, type LiveStream } from '../../src/core/audio/live';
import { StoreFeed } from '../../src/core/audio/pcm';
import { RingBuffer } from '../../src/core/audio/ring';
import { FakeChannel } from '../fake_channel';

const FRAME = 3200;

/** An output that plays in steps of 128 samples, driven by the test's own clock. */
class FakeOutput {
  readonly ring = new RingBuffer(96_000, 0);
  private seen = 0;
  constructor(private readonly feed: StoreFeed) {}

  /** Play so many samples. */
  run(samples: number): void {
    for (let done = 0; done < samples; done += 128) {
      this.pump();
      this.ring.read(new Float32Array(128));
      if (this.ring.underruns > this.seen) this.feed.starved();
      this.seen = this.ring.underruns;
    }
  }

  private pump(): void {
    while (this.ring.queued < 24_000) {
      const block = this.feed.pull(2400);
      if (block === null) this.ring.end();
      if (!block?.length) return;
      this.ring.write(block);
    }
  }
}

function frames(store: LiveStore, count: number): void {
  for (let i = 0; i < count; i++) store.write(store.length, new Int16Array(FRAME).fill(100));
}

describe('live playing', () => {
  it('waits for one and a half frames, then plays without a gap', () => {
    const store = new LiveStore();
    const output = new FakeOutput(new StoreFeed(store));
    frames(store, 1);
    output.run(FRAME);
    expect(output.ring.played).toBe(0);
    frames(store, 1);
    // Frames come 1.2 times as fast as they are heard, with a jitter of up to half a frame.
    for (let i = 0; i < 450; i++) {
      output.run(Math.round(FRAME / 1.2 + (i % 2 ? 1200 : -1200)));
      frames(store, 1);
    }
    expect(output.ring.underruns).toBe(0);
    expect(output.ring.played).toBeGreaterThan(400 * 2500);
  });

  it('waits for more after each gap, up to a bound', () => {
    const store = new LiveStore();
    const output = new FakeOutput(new StoreFeed(store));
    const before = store.prebuffer;
    frames(store, 2);
    output.run(3 * FRAME);
    expect(output.ring.underruns).toBe(1);
    expect(store.prebuffer).toBe(2 * before);
    const heard = output.ring.played;
    frames(store, 2);
    output.run(FRAME);
    expect(output.ring.played).toBe(heard);
    frames(store, 1);
    output.run(FRAME);
    expect(output.ring.played).toBeGreaterThan(heard);
    for (let i = 0; i < 20; i++) store.starved();
    expect(store.prebuffer).toBe(96_000);
  });

  it('plays what is left when the stream ends before the cushion is full', () => {
    const store = new LiveStore();
    const finished = vi.fn();
    const playback = new StoreFeed(store, { onFinished: finished });
    frames(store, 1);
    expect(playback.pull(FRAME)).toHaveLength(0);
    store.end();
    expect(playback.pull(FRAME)).toHaveLength(FRAME);
    expect(playback.pull(FRAME)).toBeNull();
  });

  it('keeps a bounded amount: played audio is dropped first, unplayed audio is never overwritten', () => {
    const store = new LiveStore(2);
    store.write(0, new Int16Array(480_000).fill(1));
    store.read(470_000, 10);
    store.write(480_000, new Int16Array(1000).fill(2));
    expect(store.truncated).toBe(false);
    expect(store.read(480_000, 10)[0]).toBeCloseTo(2 / 32768);
    store.read(240_000, 10);
    store.write(481_000, new Int16Array(300_000).fill(3));
    expect(store.truncated).toBe(true);
    expect(store.growing).toBe(false);
    expect(store.read(240_000, 10)[0]).toBeCloseTo(1 / 32768);
  });
});

describe('Live', () => {
  function listen(): { channel: FakeChannel; live: Live; events: LiveEvents } {
    const channel = new FakeChannel();
    const events = { begin: vi.fn(), audio: vi.fn(), turn: vi.fn(), end: vi.fn() };
    return { channel, events, live: new Live(channel.asChannel(), events) };
  }

  it('gathers a stream with its turns', () => {
    const { channel, live, events } = listen();
    channel.emit('stream_begin', { stream: 's', sample_rate: 24_000 });
    channel.emit('stream_turn', { stream: 's', turn: 'a', start: 0 });
    channel.emit('audio', { stream: 's', start: 0, generated_at: Date.now() - 7 }, new Int16Array([1, 2, 3]));
    channel.emit('stream_turn', { stream: 's', turn: 'b', start: 3 });
    channel.emit('audio', { stream: 's', start: 3 }, new Int16Array([4]));
    channel.emit('stream_end', { stream: 's', samples: 4, ended: 'finished' });
    const stream = live.stream as LiveStream;
    expect(stream.marks).toEqual([
      { turn: 'a', start: 0 },
      { turn: 'b', start: 3 },
    ]);
    expect([stream.store.length, stream.store.growing, stream.ended]).toEqual([4, false, 'finished']);
    expect(live.latencies).toHaveLength(1);
    expect(live.latencies[0]).toBeGreaterThanOrEqual(7);
    expect(events.begin).toHaveBeenCalledOnce();
    expect(events.end).toHaveBeenCalledOnce();
  });

  it('takes up a stream whose beginning is gone', () => {
    const { channel, live } = listen();
    channel.emit('audio', { stream: 's', start: 9600 }, new Int16Array(100).fill(5));
    expect(live.stream!.store.start).toBe(9600);
    expect(live.stream!.store.length).toBe(9700);
  });
});
