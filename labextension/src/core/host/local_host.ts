/** Host without a kernel: traits are in the page, and calls are answered by functions. */

import { Channel, type Answer, type Transport } from './channel';
import type { Host } from './host';
import type { TraitName, Traits } from './traits';
import { t } from '../strings';
import { VERSION, type Methods, type ToKernel } from './protocol';

type LocalMethods = {
  [M in keyof Methods]?: (params: Methods[M]) => { result: Answer['result']; buffers?: ArrayBufferView[] };
};

/** Transport that answers calls by `methods`; other calls fail. */
class LocalKernel implements Transport {
  private sent = 0;
  private receive: (content: unknown, buffers: DataView[]) => void = () => undefined;

  constructor(private readonly methods: LocalMethods) {}

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
    } else if (message.kind === 'call') setTimeout(() => this.answer(message)); // lets the page render between two calls
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
        got: t('common.no_kernel', { method }),
        expected: t('common.kernel_gone_expected'),
        remedy: t('common.kernel_gone_remedy'),
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
    methods: LocalMethods,
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
