/** Host for a widget in a kernel, over a comm and without a widget manager. */

import { type Kernel, KernelMessage } from '@jupyterlab/services';

import { CallError, Channel } from '../core/host/channel';
import type { Host } from '../core/host/host';
import type { TraitName, Traits } from '../core/host/traits';
import { evaluate, expression } from './kernel';

type Values = Partial<Traits>;
type Receive = (content: unknown, buffers: DataView[]) => void;
type Answer = { comm: string; state: Values } | { failed: { got: string; expected: string; remedy: string } };

export class CommHost implements Host {
  readonly channel: Channel;
  readonly whenLost: string;
  private values: Values = {};
  private kernel: Kernel.IKernelConnection | null = null;
  private comm = '';
  private receive: Receive = () => undefined;
  private readonly mine = new Set<string>();
  private readonly listeners = new Map<string, Set<() => void>>();

  constructor(whenLost: string) {
    this.whenLost = whenLost;
    this.channel = new Channel({
      send: (content, buffers) => void this.post({ method: 'custom', content }, buffers),
      onMessage: (callback) => (this.receive = callback),
    });
  }

  /** A kernel has answered once, so there is something to show. */
  get known(): boolean {
    return 'voices' in this.values;
  }

  /** Request a widget from a kernel and take over its state; reject with the failure. */
  async attach(kernel: Kernel.IKernelConnection, wanted: object): Promise<void> {
    const answer = await evaluate<Answer>(kernel, expression('vibevoice_nb.widgets.lab_document', 'show', wanted));
    if ('failed' in answer) {
      const { got, expected, remedy } = answer.failed;
      throw new CallError(got, expected, remedy);
    }
    this.detach();
    this.kernel = kernel;
    this.comm = answer.comm;
    kernel.iopubMessage.connect(this.receiveMessage, this);
    kernel.connectionStatusChanged.connect(this.connectionChanged, this);
    this.update(answer.state);
    this.channel.interrupted();
  }

  /** Disconnect from the kernel; the state stays. */
  detach(): void {
    if (!this.kernel) return;
    this.kernel.iopubMessage.disconnect(this.receiveMessage, this);
    this.kernel.connectionStatusChanged.disconnect(this.connectionChanged, this);
    this.kernel = null;
    this.channel.interrupted();
  }

  dispose(): void {
    this.detach();
    this.channel.close();
    this.listeners.clear();
  }

  get<K extends TraitName>(name: K): Traits[K] {
    return this.values[name] as Traits[K];
  }

  set<K extends TraitName>(name: K, value: Traits[K]): void {
    this.update({ [name]: value });
    try {
      this.mine.add(this.post({ method: 'update', state: { [name]: value }, buffer_paths: [] }, []));
    } catch {
      // There is no kernel; `attach` sends what matters to the next one.
    }
  }

  on(name: TraitName, callback: () => void): () => void {
    const callbacks = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, callbacks.add(callback));
    return () => callbacks.delete(callback);
  }

  /** Change traits in this page only. */
  update(state: Values): void {
    const changed = (Object.keys(state) as TraitName[]).filter(
      (name) => JSON.stringify(state[name]) !== JSON.stringify(this.values[name]),
    );
    this.values = { ...this.values, ...state };
    for (const name of changed) for (const callback of [...(this.listeners.get(name) ?? [])]) callback();
  }

  private post(data: object, buffers: ArrayBuffer[]): string {
    const { kernel } = this;
    if (!kernel || kernel.isDisposed || kernel.status === 'dead') throw new Error('no kernel');
    // Built by hand: the comm manager of @jupyterlab/services allows one connection per kernel, which a notebook may hold.
    const message = KernelMessage.createMessage<KernelMessage.ICommMsgMsg<'shell'>>({
      msgType: 'comm_msg',
      channel: 'shell',
      username: kernel.username,
      session: kernel.clientId,
      buffers,
      content: { comm_id: this.comm, data: data as KernelMessage.ICommMsgMsg['content']['data'] },
    });
    kernel.sendShellMessage(message, false, true);
    return message.header.msg_id;
  }

  private receiveMessage(_: unknown, message: KernelMessage.IIOPubMessage): void {
    if (!KernelMessage.isCommMsgMsg(message) || message.content.comm_id !== this.comm) return;
    const { method, state, content } = message.content.data as unknown as {
      method: string;
      state?: Values;
      content?: unknown;
    };
    const buffers = (message.buffers ?? []).map((buffer) =>
      ArrayBuffer.isView(buffer)
        ? new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
        : new DataView(buffer),
    );
    if (method === 'custom') this.receive(content, buffers);
    // The echo of this page's own change may arrive after a newer change; it is meant for other pages.
    else if (method === 'echo_update' && this.mine.delete((message.parent_header as { msg_id?: string }).msg_id ?? ''))
      return;
    else if (state) this.update(state);
  }

  private connectionChanged(_: unknown, status: Kernel.ConnectionStatus): void {
    if (status !== 'connected') return;
    try {
      this.post({ method: 'request_state' }, []); // messages sent meanwhile are lost
    } catch {
      return;
    }
    this.channel.interrupted();
  }
}
