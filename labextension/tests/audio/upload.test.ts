import { describe, expect, it, vi } from 'vitest';
import { upload } from '../../src/core/audio/upload';
import { FakeChannel } from '../fake_channel';

const options = { name: 'anna.wav', kind: 'file', speaker: 'Anna' };

function kernel(): { channel: FakeChannel; got: Map<number, Uint8Array> } {
  const got = new Map<number, Uint8Array>();
  const channel = new FakeChannel((method, params, buffers) => {
    if (method === 'upload_chunk') got.set((params as { offset: number }).offset, new Uint8Array(buffers[0]!));
    return { result: method === 'upload_begin' ? { upload: 'u1' } : {}, buffers: [] };
  });
  return { channel, got };
}

describe('upload', () => {
  it('sends a file in chunks and says how far it is', async () => {
    const { channel, got } = kernel();
    const bytes = new Uint8Array(2.5 * 2 ** 20).map((_, i) => i % 251);
    const progress: number[] = [];
    await upload(channel.asChannel(), new Blob([bytes]), { ...options, onprogress: (done) => progress.push(done) });
    expect([...got.keys()]).toEqual([0, 2 ** 20, 2 * 2 ** 20]);
    const joined = new Uint8Array(bytes.length);
    for (const [offset, chunk] of got) joined.set(chunk, offset);
    let wrong = 0;
    for (let i = 0; i < bytes.length; i++) if (joined[i] !== bytes[i]) wrong++;
    expect(wrong).toBe(0);
    expect(progress.at(-1)).toBe(1);
    expect(channel.calls.map(({ method }) => method).at(-1)).toBe('upload_end');
  });

  it('stops when it is cancelled, and says so to the kernel', async () => {
    const { channel, got } = kernel();
    const stop = new AbortController();
    const file = new Blob([new Uint8Array(5 * 2 ** 20)]);
    const sent = upload(channel.asChannel(), file, { ...options, signal: stop.signal, onprogress: () => stop.abort() });
    await expect(sent).rejects.toThrow();
    expect(got.size).toBe(1);
    expect(channel.calls.at(-1)).toMatchObject({ method: 'upload_cancel', params: { upload: 'u1' } });
  });

  it('passes on why the kernel refused it', async () => {
    const refuse = vi.fn((method: string) => {
      if (method === 'upload_end') throw new Error('not a recording');
      return { result: { upload: 'u1' }, buffers: [] };
    });
    const sent = upload(new FakeChannel(refuse).asChannel(), new Blob(['x']), options);
    await expect(sent).rejects.toThrow('not a recording');
  });
});
