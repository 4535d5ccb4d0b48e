/** Channel to the kernel: numbered messages, repeated until they have arrived. */

import { t } from '../strings';
import {
  VERSION,
  faultToKernel,
  faultToPage,
  type Envelope,
  type Methods,
  type ToKernel,
  type ToPage,
} from './protocol';

/** Carrier of the messages: an anywidget model, or a fake in tests. */
export interface Transport {
  send(content: object, buffers: ArrayBuffer[]): void;
  onMessage(callback: (content: unknown, buffers: DataView[]) => void): void;
  /** Traits set in the page that may not have arrived yet; every call includes them. */
  lateValues?(): Record<string, unknown>;
}

export interface Answer {
  result: Record<string, unknown>;
  buffers: DataView[];
}

/** A failed call: what is wrong, what was expected, how to fix it. */
export class CallError extends Error {
  override readonly name = 'CallError';
  constructor(
    readonly got: string,
    readonly expected: string,
    readonly remedy: string,
  ) {
    super([got, expected && `Expected ${expected}`, remedy && `To fix it: ${remedy}`].filter(Boolean).join('. '));
  }
}

type Listener<K extends keyof ToPage> = (fields: ToPage[K], buffers: DataView[]) => void;
interface Pending {
  resolve: (answer: Answer) => void;
  reject: (error: CallError) => void;
}

// Time without any message after which a due reply is requested again: a server may drop the last message of a burst,
// and no later message would reveal the gap. Doubled each time, because a kernel busy with a cell answers late.
const FIRST_WAIT_MS = 2_000;
const LONGEST_WAIT_MS = 60_000;

/** One channel per widget model, shared by its views. */
export class Channel {
  /** The kernel has answered, and has not been lost since. */
  connected = false;

  private sent = 0;
  private received = 0;
  private instance = '';
  private catchingUp = true;
  private asText = false;
  private wait = FIRST_WAIT_MS;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly pending = new Map<number, Pending>();
  private readonly listeners = new Map<string, Set<Listener<never>>>();
  private readonly watchers = new Set<(connected: boolean) => void>();
  // Two pages may show one widget, and each receives the replies to both: the upper bits identify the page.
  private nextCall = Math.floor(Math.random() * 2 ** 20) * 2 ** 32 + 1;

  constructor(private readonly transport: Transport) {
    transport.onMessage((content, buffers) => this.receive(content, buffers));
    this.hello();
  }

  /** Call a method of the kernel; reject with a CallError. */
  call<M extends keyof Methods>(method: M, params: Methods[M], buffers: ArrayBuffer[] = []): Promise<Answer> {
    const id = this.nextCall++;
    return new Promise((resolve, reject) => {
      const values = this.transport.lateValues?.() ?? {};
      this.send('call', { id, method, params, ...(Object.keys(values).length ? { values } : {}) }, buffers);
      this.pending.set(id, { resolve, reject });
      this.watch();
    });
  }

  /** Call back for each message of a kind, in order and once each; return a function that stops it. */
  on<K extends keyof ToPage>(kind: K, callback: Listener<K>): () => void {
    const callbacks = this.listeners.get(kind) ?? new Set();
    this.listeners.set(kind, callbacks.add(callback));
    return () => callbacks.delete(callback);
  }

  /** Call back when the kernel is found or lost; return a function that stops it. */
  onConnection(callback: (connected: boolean) => void): () => void {
    this.watchers.add(callback);
    return () => this.watchers.delete(callback);
  }

  /** The kernel was lost or replaced: fail pending calls and connect again. */
  interrupted(): void {
    this.lose();
    this.hello();
  }

  /** Close the channel and fail pending calls. */
  close(): void {
    this.lose();
    clearTimeout(this.timer);
    this.listeners.clear();
    this.watchers.clear();
  }

  private lose(): void {
    this.setConnected(false);
    const calls = [...this.pending.values()];
    this.pending.clear();
    for (const { reject } of calls) reject(kernelGone());
  }

  private setConnected(connected: boolean): void {
    if (connected === this.connected) return;
    this.connected = connected;
    for (const callback of [...this.watchers]) callback(connected);
  }

  private hello(): void {
    this.catchingUp = true;
    this.send('hello', { received: this.received, instance: this.instance });
    this.watch();
  }

  private send<K extends keyof ToKernel>(kind: K, fields: ToKernel[K], buffers: ArrayBuffer[] = []): void {
    const content = { v: VERSION, n: this.sent + 1, kind, ...fields };
    const fault = faultToKernel(content);
    if (fault) throw new CallError(fault, 'a message of protocol.json', 'correct the call');
    this.sent += 1;
    try {
      if (this.asText && buffers.length) this.transport.send({ ...content, base64: buffers.map(toBase64) }, []);
      else this.transport.send(content, buffers);
    } catch {
      // The connection is closed for good. Only calls have a caller to report it to.
      this.setConnected(false);
      if (kind === 'call') throw kernelGone();
    }
  }

  private receive(content: unknown, buffers: DataView[]): void {
    const fault = faultToPage(content);
    if (fault) {
      console.warn(`vibevoice-nb: ignored a message from the kernel: ${fault}`);
      return;
    }
    const message = content as Envelope;
    const decoded = message.base64 ? message.base64.map(fromBase64) : buffers;
    this.wait = FIRST_WAIT_MS;
    if (message.kind === 'welcome') this.welcomed(message as unknown as ToPage['welcome']);
    else if (message.kind === 'probe') this.probed(message as unknown as ToPage['probe'], decoded);
    else this.accept(message, decoded);
    this.watch();
  }

  private welcomed({ next, instance }: ToPage['welcome']): void {
    if (instance !== this.instance) {
      if (this.instance) this.lose();
      this.instance = instance;
      this.received = 0;
    }
    this.catchingUp = this.received + 1 < next;
    this.setConnected(true);
  }

  /** Check that buffers arrive intact; if not, both sides send text. Missed messages are repeated after this. */
  private probed({ sum }: ToPage['probe'], buffers: DataView[]): void {
    let total = 0;
    for (const view of buffers) for (let i = 0; i < view.byteLength; i++) total += view.getUint8(i);
    this.asText = total !== sum;
    this.send('probe_result', { ok: !this.asText, received: this.received });
  }

  private accept(message: Envelope, buffers: DataView[]): void {
    if (message.n <= this.received || !this.instance) return; // already received, or not connected yet
    if (this.received < (message.after ?? message.n - 1)) {
      if (!this.catchingUp) this.send('resend', { from: this.received + 1 });
      this.catchingUp = true;
      return;
    }
    this.received = message.n;
    this.catchingUp = false;
    this.settle(message, buffers);
    const { v: _v, n: _n, kind, after: _after, base64: _base64, ...fields } = message;
    for (const callback of [...(this.listeners.get(kind) ?? [])]) callback(fields as never, buffers);
  }

  private settle(message: Envelope, buffers: DataView[]): void {
    if (message.kind !== 'reply' && message.kind !== 'failed') return;
    const { id, result, got, expected, remedy } = message as unknown as ToPage['reply'] & ToPage['failed'];
    const call = this.pending.get(id);
    this.pending.delete(id);
    if (message.kind === 'reply') call?.resolve({ result, buffers });
    else call?.reject(new CallError(got, expected, remedy));
  }

  private watch(): void {
    clearTimeout(this.timer);
    if (!this.catchingUp && this.pending.size === 0) return;
    this.timer = setTimeout(() => {
      this.wait = Math.min(2 * this.wait, LONGEST_WAIT_MS);
      if (this.instance) this.send('resend', { from: this.received + 1 });
      else this.hello();
      this.watch();
    }, this.wait);
  }
}

const kernelGone = (): CallError =>
  new CallError(t('common.kernel_gone'), t('common.kernel_gone_expected'), t('common.kernel_gone_remedy'));

function toBase64(buffer: ArrayBuffer): string {
  const bytes = new Uint8Array(buffer);
  let binary = '';
  for (let i = 0; i < bytes.length; i += 8192) binary += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(binary);
}

function fromBase64(text: string): DataView {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return new DataView(bytes.buffer);
}
