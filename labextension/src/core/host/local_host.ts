/** A host without a kernel: values in the page, and calls answered here. */

import { Channel, type Answer, type Transport } from './channel';
import type { Host } from './host';
import type { TraitName, Traits } from './traits';
import { VERSION, type Methods, type ToKernel } from './protocol';

type Methodical = {
  [M in keyof Methods]?: (params: Methods[M]) => { result: Answer['result']; buffers?: ArrayBufferView[] };
};

/** Answers what the methods answer; anything else fails. */
class LocalKernel implements Transport {
  private sent = 0;
  private receive: (content: unknown, buffers: DataView[]) => void = () => undefined;

  constructor(private readonly methods: Methodical) {}

  onMessage(callback: (content: unknown, buffers: DataView[]) => void): void {
    this.receive = callback;
  }

  send(content: object): void {
    const message = content as { kind: string } & ToKernel['call'];
    if (message.kind === 'hello') {
      queueMicrotask(() => {
        this.receive({ v: VERSION, n: 0, kind: 'welcome', next: this.sent + 1, instance: 'page' }, []);
        this.receive({ v: VERSION, n: 0, kind: 'probe', sum: 0 }, []);
      });
    } else if (message.kind === 'call') setTimeout(() => this.answer(message)); // the page stays alive between two
  }

  private answer({ id, method, params }: ToKernel['call']): void {
    const post = (fields: object, buffers: DataView[] = []): void =>
      this.receive({ v: VERSION, n: ++this.sent, ...fields }, buffers);
    const handle = this.methods[method as keyof Methods] as
      ((params: object) => { result: Answer['result']; buffers?: ArrayBufferView[] }) | undefined;
    if (!handle)
      return post({
        kind: 'failed',
        id,
        got: `nobody answers ${method} here`,
        expected: 'a kernel',
        remedy: 'run the cell',
      });
    const { result, buffers = [] } = handle(params);
    post(
      { kind: 'reply', id, result },
      buffers.map((view) => new DataView(view.buffer, view.byteOffset, view.byteLength)),
    );
  }
}

export class LocalHost implements Host {
  readonly channel: Channel;
  private readonly listeners = new Map<string, Set<() => void>>();

  constructor(
    private readonly values: Partial<Traits>,
    methods: Methodical,
  ) {
    this.channel = new Channel(new LocalKernel(methods));
  }

  get<K extends TraitName>(name: K): Traits[K] {
    return this.values[name] as Traits[K];
  }

  set<K extends TraitName>(name: K, value: Traits[K]): void {
    this.values[name] = value;
    for (const callback of [...(this.listeners.get(name) ?? [])]) callback();
  }

  on(name: TraitName, callback: () => void): () => void {
    const callbacks = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, callbacks.add(callback));
    return () => callbacks.delete(callback);
  }
}
