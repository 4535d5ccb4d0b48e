/** A room in a kernel as the `Host` our components know, over a comm and without a widget manager. */

import { type Kernel, KernelMessage } from '@jupyterlab/services';

import { Channel } from '../core/host/channel';
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

  /** Whether there is something to show: a kernel has answered once. */
  get known(): boolean {
    return 'voices' in this.values;
  }

  /** Ask a kernel for a room, and go on from what it says; rejects with what is wrong. */
  async attach(kernel: Kernel.IKernelConnection, wanted: object): Promise<void> {
    const answer = await evaluate<Answer>(kernel, expression('vibevoice_nb.widgets.lab_document', 'show', wanted));
    if ('failed' in answer) throw answer.failed;
    this.detach();
    this.kernel = kernel;
    this.comm = answer.comm;
    kernel.iopubMessage.connect(this.heard, this);
    kernel.connectionStatusChanged.connect(this.connectionChanged, this);
    this.update(answer.state);
    this.channel.interrupted();
  }

  /** The kernel is gone; what was shown stays. */
  detach(): void {
    if (!this.kernel) return;
    this.kernel.iopubMessage.disconnect(this.heard, this);
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
      // Nobody is there to hear it; who attaches later is told what matters.
    }
  }

  on(name: TraitName, callback: () => void): () => void {
    const callbacks = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, callbacks.add(callback));
    return () => callbacks.delete(callback);
  }

  /** Values that belong to this page alone. */
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
    // By hand: the comms of services belong to one connection for each kernel, which a notebook may have.
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

  private heard(_: unknown, message: KernelMessage.IIOPubMessage): void {
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
    // What this page has set comes back, maybe after it has set something else: that is for the other pages.
    else if (method === 'echo_update' && this.mine.delete((message.parent_header as { msg_id?: string }).msg_id ?? ''))
      return;
    else if (state) this.update(state);
  }

  private connectionChanged(_: unknown, status: Kernel.ConnectionStatus): void {
    if (status !== 'connected') return;
    try {
      this.post({ method: 'request_state' }, []); // what was said meanwhile is lost
    } catch {
      return;
    }
    this.channel.interrupted();
  }
}
