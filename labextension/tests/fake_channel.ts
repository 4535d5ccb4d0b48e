/** A kernel that answers as the test says, without numbers, tables or delays of its own. */

import type { Answer, Channel } from '../src/core/host/channel';
import type { ToPage } from '../src/core/host/protocol';

export type Answers = (method: string, params: object, buffers: ArrayBuffer[]) => Answer | Promise<Answer>;

export class FakeChannel {
  connected = true;
  readonly calls: { method: string; params: object }[] = [];
  private readonly listeners = new Map<string, Set<(fields: never, buffers: DataView[]) => void>>();

  constructor(private readonly answers: Answers = () => ({ result: {}, buffers: [] })) {}

  async call(method: string, params: object, buffers: ArrayBuffer[] = []): Promise<Answer> {
    this.calls.push({ method, params });
    return this.answers(method, params, buffers);
  }

  on(kind: string, callback: (fields: never, buffers: DataView[]) => void): () => void {
    const callbacks = this.listeners.get(kind) ?? new Set();
    this.listeners.set(kind, callbacks.add(callback));
    return () => callbacks.delete(callback);
  }

  private readonly watchers = new Set<(connected: boolean) => void>();

  onConnection(callback: (connected: boolean) => void): () => void {
    this.watchers.add(callback);
    return () => this.watchers.delete(callback);
  }

  /** The kernel is found or lost. */
  connect(connected: boolean): void {
    this.connected = connected;
    for (const callback of this.watchers) callback(connected);
  }

  /** A message from the kernel. */
  emit<K extends keyof ToPage>(kind: K, fields: ToPage[K], samples?: Int16Array): void {
    const buffers = samples ? [new DataView(samples.buffer, samples.byteOffset, samples.byteLength)] : [];
    for (const callback of this.listeners.get(kind) ?? []) callback(fields as never, buffers);
  }

  asChannel(): Channel {
    return this as unknown as Channel;
  }
}
