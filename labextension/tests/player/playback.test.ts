import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Feed } from '../../src/core/audio/output';
import { Bus, type Host } from '../../src/core/host/host';
import type { Answers } from '../fake_channel';
import { FakeChannel } from '../fake_channel';

/** Plays nothing; the test says how much of it was heard. */
class FakeOutput {
  static last: FakeOutput | null = null;
  feed: Feed | null = null;
  heard = 0;
  blocked = false;
  volume = 1;
  underruns = 0;
  context = { resume: vi.fn() };
  constructor(readonly ontick: () => void) {
    FakeOutput.last = this;
  }
  play(feed: Feed): void {
    this.feed = feed;
    this.heard = 0;
    this.pump();
  }
  stop(): void {
    this.feed = null;
  }
  pump(): void {
    for (let block; (block = this.feed?.pull(4800)) && block.length;);
  }
  async close(): Promise<void> {}
  hear(samples: number): void {
    this.heard = samples;
    this.ontick();
  }
}

vi.mock('../../src/core/audio/output', () => ({
  Output: { open: async ({ ontick }: { ontick: () => void }) => new FakeOutput(ontick) },
}));

const { Playback } = await import('../../src/core/player/playback');

class FakeHost implements Host {
  readonly channel: Host['channel'];
  private readonly listeners = new Map<string, (() => void)[]>();
  constructor(
    readonly kernel: FakeChannel,
    readonly values: Record<string, unknown>,
  ) {
    this.channel = kernel.asChannel();
  }
  get<T>(name: string): T {
    return this.values[name] as T;
  }
  set(name: string, value: unknown): void {
    if (this.values[name] === value) return;
    this.values[name] = value;
    for (const callback of this.listeners.get(name) ?? []) callback();
  }
  on(name: string, callback: () => void): () => void {
    this.listeners.set(name, [...(this.listeners.get(name) ?? []), callback]);
    return () => undefined;
  }
}

const turn = (id: string, start: number, stop: number) => ({
  turn: id,
  label: id,
  text: '',
  color: '',
  start,
  stop,
  confidence: 1,
  words: [],
});
const EPISODE = {
  source: 'episode',
  name: 'Show',
  samples: 48_000,
  sample_rate: 24_000,
  revision: 1,
  turns: [turn('a', 0, 20_000), turn('b', 20_000, 48_000)],
};

const answers: Answers = (method, params) => {
  const { source, count = 0 } = params as { source: string; count?: number };
  if (method === 'samples') return { result: {}, buffers: [new DataView(new ArrayBuffer(2 * count))] };
  return { result: { ...EPISODE, source, name: 'a voice', turns: [], samples: 9000 }, buffers: [] };
};

function setUp(values: Record<string, unknown> = {}) {
  const host = new FakeHost(new FakeChannel(answers), { take: EPISODE, position: 0, playing: false, ...values });
  const bus = new Bus();
  const turns: (string | null)[] = [];
  bus.on('currentTurn', ({ turn: id }) => turns.push(id));
  return { host, bus, turns, playback: new Playback(host, bus) };
}

const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe('Playback', () => {
  beforeEach(() => vi.stubGlobal('navigator', { userActivation: { hasBeenActive: true } }));
  afterEach(() => vi.unstubAllGlobals());

  it('tells which turn is heard, and that it stopped', async () => {
    const { playback, host, turns } = setUp();
    await playback.play();
    await soon();
    FakeOutput.last!.hear(100);
    FakeOutput.last!.hear(25_000);
    playback.pause();
    expect(turns).toEqual(['a', 'b', null]);
    expect(playback.position).toBe(25_000);
    expect(host.get('playing')).toBe(false);
  });

  it('tells which word is heard, once, and that it stopped', async () => {
    const words = [0, 4, 100, 5000, 5, 8, 5000, 9000];
    const said = { ...turn('a', 0, 20_000), text: 'Good day', words };
    const { playback, bus } = setUp({ take: { ...EPISODE, turns: [said, EPISODE.turns[1]] } });
    const heard: (string | null)[] = [];
    bus.on('currentWord', ({ word }) => heard.push(word && `${word.turn} ${word.text.slice(word.from, word.to)}`));
    await playback.play();
    await soon();
    for (const sample of [50, 100, 4000, 4999, 5000, 19_000, 21_000, 22_000]) FakeOutput.last!.hear(sample);
    expect(heard).toEqual(['a Good', 'a day', null]);
    playback.seek(200);
    playback.pause();
    expect(heard.slice(3)).toEqual(['a Good', null]);
  });

  it('follows what the kernel sets, and not what it reported itself', async () => {
    const { playback, host } = setUp();
    host.set('position', 1.5);
    expect(playback.position).toBe(36_000);
    host.set('playing', true);
    await soon();
    expect(playback.playing).toBe(true);
    FakeOutput.last!.hear(2400);
    expect(playback.position).toBe(38_400);
    host.set('playing', false);
    expect(playback.playing).toBe(false);
    expect(playback.position).toBe(38_400);
  });

  it('stays at the same words when the take changes', async () => {
    const { playback, host } = setUp();
    playback.seek(21_000);
    const turns = [turn('a', 0, 30_000), turn('b', 30_000, 58_000)];
    host.set('take', { ...EPISODE, revision: 2, samples: 58_000, turns });
    expect(playback.position).toBe(31_000);
    host.set('take', { ...EPISODE, revision: 3, samples: 9000, turns: [turn('a', 0, 9000)] });
    expect(playback.position).toBeLessThanOrEqual(9000);
  });

  it('plays another source for a moment, and goes back to where it was', async () => {
    const { playback, bus } = setUp();
    playback.seek(5000);
    bus.emit('audition', { source: 'voice:Anna', autoplay: true });
    await soon();
    expect([playback.showing, playback.playing, playback.length]).toEqual(['audition', true, 9000]);
    playback.back();
    expect([playback.showing, playback.playing, playback.position]).toEqual(['take', false, 5000]);
    bus.emit('audition', { source: 'voice:Anna', autoplay: false });
    await soon();
    bus.emit('seek', { turn: 'b' });
    await soon();
    expect([playback.showing, playback.playing, playback.position]).toEqual(['take', true, 20_000]);
  });

  it('plays a stream as it comes, and then shows the take that came of it', async () => {
    const { playback, host, bus, turns } = setUp({ take: {} });
    bus.emit('act', { action: 'generate' });
    host.kernel.emit('stream_begin', { stream: 's', sample_rate: 24_000 });
    host.kernel.emit('stream_turn', { stream: 's', turn: 'a', start: 0 });
    host.kernel.emit('audio', { stream: 's', start: 0 }, new Int16Array(9600));
    await soon();
    expect([playback.showing, playback.playing, playback.length]).toEqual(['live', true, 9600]);
    FakeOutput.last!.hear(3200);
    expect(turns).toEqual(['a']);
    host.kernel.emit('stream_end', { stream: 's', samples: 9600, ended: 'finished' });
    expect(playback.showing).toBe('live');
    host.set('take', EPISODE);
    FakeOutput.last!.feed!.finished();
    expect([playback.showing, playback.playing, playback.position]).toEqual(['take', false, 0]);
    expect(turns).toEqual(['a', null]);
  });

  it('falls silent at once on Stop, and shows the same words of the take', async () => {
    const { playback, host, bus } = setUp();
    host.kernel.emit('stream_begin', { stream: 's', sample_rate: 24_000 });
    host.kernel.emit('stream_turn', { stream: 's', turn: 'b', start: 0 });
    host.kernel.emit('audio', { stream: 's', start: 0 }, new Int16Array(9600));
    await soon();
    FakeOutput.last!.hear(3000);
    bus.emit('act', { action: 'stop' });
    expect([playback.playing, FakeOutput.last!.feed]).toEqual([false, null]);
    host.kernel.emit('stream_end', { stream: 's', samples: 9600, ended: 'cancelled' });
    expect([playback.showing, playback.position]).toEqual(['take', 23_000]);
  });

  it('falls silent when the generation is cancelled elsewhere', async () => {
    const { playback, host } = setUp();
    host.kernel.emit('stream_begin', { stream: 's', sample_rate: 24_000 });
    host.kernel.emit('stream_turn', { stream: 's', turn: 'b', start: 0 });
    host.kernel.emit('audio', { stream: 's', start: 0 }, new Int16Array(96_000));
    await soon();
    FakeOutput.last!.hear(3000);
    host.kernel.emit('stream_end', { stream: 's', samples: 96_000, ended: 'cancelled' });
    expect([playback.playing, FakeOutput.last!.feed]).toEqual([false, null]);
    expect([playback.showing, playback.position]).toEqual(['take', 23_000]);
  });

  it('starts no audio in a page without a user gesture', async () => {
    vi.stubGlobal('navigator', { userActivation: { hasBeenActive: false } });
    const { playback, host } = setUp();
    host.kernel.emit('stream_begin', { stream: 's', sample_rate: 24_000 });
    host.kernel.emit('audio', { stream: 's', start: 0 }, new Int16Array(9600));
    await soon();
    expect([playback.showing, playback.playing, playback.growing]).toEqual(['live', false, true]);
  });

  it('ends live audio with its kernel, and asks for no click in vain', async () => {
    vi.stubGlobal('navigator', { userActivation: { hasBeenActive: false } });
    const { playback, host } = setUp();
    host.kernel.emit('stream_begin', { stream: 's', sample_rate: 24_000 });
    host.kernel.emit('audio', { stream: 's', start: 0 }, new Int16Array(9600));
    expect(playback.growing).toBe(true);
    host.kernel.connect(false);
    expect([playback.showing, playback.growing, playback.blocked]).toEqual(['take', false, false]);
  });

  it('plays what has come when the kernel goes, and goes on when only the connection was lost', async () => {
    const { playback, host, bus } = setUp({ take: {} });
    bus.emit('act', { action: 'generate' });
    host.kernel.emit('stream_begin', { stream: 's', sample_rate: 24_000 });
    host.kernel.emit('audio', { stream: 's', start: 0 }, new Int16Array(9600));
    await soon();
    host.kernel.connect(false);
    expect([playback.showing, playback.playing, playback.growing]).toEqual(['live', true, false]);
    host.kernel.connect(true);
    host.kernel.emit('audio', { stream: 's', start: 9600 }, new Int16Array(3200));
    expect([playback.growing, playback.length]).toEqual([true, 12_800]);
    host.kernel.connect(false);
    FakeOutput.last!.feed!.finished();
    expect([playback.showing, playback.playing]).toEqual(['take', false]);
  });

  it('says what went wrong when audio cannot be fetched', async () => {
    const { playback, host } = setUp();
    host.kernel.call = () => Promise.reject(new Error('the kernel was restarted'));
    await playback.play();
    await soon();
    expect([playback.playing, (playback.failure as Error).message]).toEqual([false, 'the kernel was restarted']);
  });

  it('goes to the turns before and after', () => {
    const { playback } = setUp();
    playback.step(1);
    expect(playback.position).toBe(20_000);
    playback.step(-1);
    expect(playback.position).toBe(0);
    playback.seek(47_000);
    playback.step(-1);
    expect(playback.position).toBe(0);
  });
});
