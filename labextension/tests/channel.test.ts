import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { CallError, Channel } from '../src/core/host/channel';

type Message = Record<string, unknown> & { kind: string };

/** The other end, driven by hand. */
class Wire {
  sent: { content: Message; buffers: ArrayBuffer[] }[] = [];
  private callback: (content: unknown, buffers: DataView[]) => void = () => undefined;

  closed = false;
  send(content: object, buffers: ArrayBuffer[]): void {
    if (this.closed) throw new Error('Cannot send');
    this.sent.push({ content: content as Message, buffers });
  }
  onMessage(callback: (content: unknown, buffers: DataView[]) => void): void {
    this.callback = callback;
  }
  arrive(n: number, kind: string, fields: object = {}, buffers: Uint8Array[] = []): void {
    this.callback(
      { v: 1, n, kind, ...fields },
      buffers.map((bytes) => new DataView(bytes.slice().buffer)),
    );
  }
  notice(n: number, more: object = {}): void {
    this.arrive(n, 'notice', { severity: 'info', text: String(n), ...more });
  }
  kinds(): string[] {
    return this.sent.map(({ content }) => content.kind);
  }
  last(): Message {
    return this.sent.at(-1)!.content;
  }
}

let wire: Wire;
let channel: Channel;
let heard: string[];

beforeEach(() => {
  vi.useFakeTimers();
  wire = new Wire();
  channel = new Channel(wire);
  heard = [];
  channel.on('notice', ({ text }) => heard.push(text));
});
afterEach(() => {
  channel.close();
  vi.useRealTimers();
});

function welcome(next = 1, instance = 'one'): void {
  wire.arrive(0, 'welcome', { next, instance });
}

describe('greeting', () => {
  test('says what it has, and takes messages in order', () => {
    expect(wire.last()).toMatchObject({ n: 1, kind: 'hello', received: 0, instance: '' });
    welcome();
    expect(channel.connected).toBe(true);
    wire.notice(1);
    wire.notice(2);
    expect(heard).toEqual(['1', '2']);
  });

  test('is repeated, less and less often, until somebody answers', () => {
    vi.advanceTimersByTime(15_000);
    expect(wire.kinds()).toEqual(['hello', 'hello', 'hello', 'hello']);
    welcome();
    vi.advanceTimersByTime(300_000);
    expect(wire.sent).toHaveLength(4);
  });

  test('a page that comes late waits for the repeats, whatever else it hears meanwhile', () => {
    welcome(41);
    wire.notice(41);
    expect(heard).toEqual([]);
    wire.notice(12, { after: 0 });
    wire.notice(40, { after: 12 });
    wire.notice(41, { after: 40 });
    wire.notice(42);
    expect(heard).toEqual(['12', '40', '41', '42']);
    expect(wire.kinds()).toEqual(['hello']);
  });
});

describe('numbers', () => {
  beforeEach(() => welcome());

  test('a message received before is not delivered twice', () => {
    wire.notice(1);
    wire.notice(1);
    wire.notice(2);
    wire.notice(1, { after: 0 });
    expect(heard).toEqual(['1', '2']);
  });

  test('a hole is asked for once, and nothing is taken out of order', () => {
    wire.notice(1);
    wire.notice(4);
    wire.notice(5);
    expect(heard).toEqual(['1']);
    expect(wire.kinds()).toEqual(['hello', 'resend']);
    expect(wire.last()).toMatchObject({ from: 2 });
    wire.notice(2, { after: 1 });
    wire.notice(5, { after: 2 });
    expect(heard).toEqual(['1', '2', '5']);
  });

  test('a lost answer to that is asked for again', () => {
    wire.notice(3);
    vi.advanceTimersByTime(2_100);
    expect(wire.kinds()).toEqual(['hello', 'resend', 'resend']);
  });

  test('what is no message is left out with a warning', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    wire.arrive(1, 'notice', { severity: 3 });
    expect(warn).toHaveBeenCalledOnce();
    wire.notice(1);
    expect(heard).toEqual(['1']);
    warn.mockRestore();
  });
});

describe('calls', () => {
  beforeEach(() => welcome());

  test('are answered with a result and buffers', async () => {
    const answer = channel.call('fetch', { file: 'f', offset: 0, count: 2 });
    wire.arrive(1, 'reply', { id: wire.last().id, result: { end: true } }, [new Uint8Array([7, 8])]);
    const { result, buffers } = await answer;
    expect(result).toEqual({ end: true });
    expect(buffers[0]!.getUint8(1)).toBe(8);
  });

  test('fail with three sentences', async () => {
    const answer = channel.call('regenerate', { turns: ['t9'], takes: 1 });
    wire.arrive(1, 'failed', { id: wire.last().id, got: 'no turn t9', expected: 'a turn', remedy: 'look' });
    await expect(answer).rejects.toMatchObject({
      name: 'CallError',
      got: 'no turn t9',
      expected: 'a turn',
      remedy: 'look',
    });
  });

  test('of two pages are kept apart', async () => {
    const other = new Channel(new Wire());
    const mine = channel.call('undo', {});
    void other.call('undo', {}).catch(() => undefined);
    const id = Number(wire.last().id);
    expect(Number.isSafeInteger(id)).toBe(true);
    wire.arrive(1, 'reply', { id: (id + 2 ** 33) % 2 ** 52, result: { whose: 'another' } });
    wire.arrive(2, 'reply', { id, result: { whose: 'mine' } });
    expect((await mine).result).toEqual({ whose: 'mine' });
    other.close();
  });

  test('that the table does not have are refused before they are sent', async () => {
    await expect(channel.call('regenerate', { turn: 3 } as never)).rejects.toBeInstanceOf(CallError);
    expect(wire.kinds()).toEqual(['hello']);
  });

  test('whose answer was dropped get it again', async () => {
    const answer = channel.call('undo', {});
    const { id } = wire.last();
    vi.advanceTimersByTime(2_100);
    expect(wire.last()).toMatchObject({ kind: 'resend', from: 1 });
    wire.arrive(1, 'reply', { id, result: {}, after: 0 });
    await answer;
    const { length } = wire.sent;
    vi.advanceTimersByTime(300_000);
    expect(wire.sent).toHaveLength(length);
  });

  test('are given up when another kernel answers', async () => {
    wire.notice(1);
    const answer = channel.call('undo', {});
    const seen: boolean[] = [];
    channel.onConnection((connected) => seen.push(connected));
    welcome(1, 'two');
    await expect(answer).rejects.toThrow(/restarted/);
    wire.notice(1);
    expect(heard).toEqual(['1', '1']);
    expect(seen).toEqual([false, true]);
  });

  test('are given up when the connection is lost', async () => {
    const answer = channel.call('undo', {});
    channel.interrupted();
    await expect(answer).rejects.toThrow(/run the cell again/);
    expect(channel.connected).toBe(false);
    expect(wire.last()).toMatchObject({ kind: 'hello', received: 0, instance: 'one' });
  });
});

test('a closed connection fails calls, and raises nothing by itself', async () => {
  welcome();
  wire.closed = true;
  channel.interrupted();
  vi.advanceTimersByTime(10_000);
  await expect(channel.call('undo', {})).rejects.toThrow(/run the cell again/);
  expect(channel.connected).toBe(false);
});

describe('buffers', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  beforeEach(() => welcome());

  test('that arrive whole stay binary', () => {
    wire.arrive(0, 'probe', { sum: 32_640 }, [bytes]);
    expect(wire.last()).toMatchObject({ kind: 'probe_result', ok: true, received: 0 });
    void channel.call('upload_chunk', { upload: 'u', offset: 0 }, [bytes.buffer]).catch(() => undefined);
    expect(wire.sent.at(-1)!.buffers).toHaveLength(1);
  });

  test('that a host loses travel as text, both ways', () => {
    wire.arrive(0, 'probe', { sum: 32_640 }, []);
    expect(wire.last()).toMatchObject({ kind: 'probe_result', ok: false });
    const chunks: DataView[] = [];
    channel.on('audio', (_, [view]) => chunks.push(view!));
    wire.arrive(1, 'audio', { stream: 's', start: 0, base64: ['/wA='] });
    expect([chunks[0]!.getUint8(0), chunks[0]!.getUint8(1)]).toEqual([255, 0]);
    void channel.call('upload_chunk', { upload: 'u', offset: 0 }, [bytes.buffer]).catch(() => undefined);
    expect(wire.sent.at(-1)).toMatchObject({ buffers: [], content: { base64: [btoa(String.fromCharCode(...bytes))] } });
  });
});

test('a listener that was taken off hears nothing more', () => {
  welcome();
  const off = channel.on('notice', () => heard.push('other'));
  off();
  wire.notice(1);
  expect(heard).toEqual(['1']);
});
