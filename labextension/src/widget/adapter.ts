/** Adapter from an anywidget model to a `Host`. */

import type { AnyModel, AnyWidget } from '@anywidget/types';

import { Channel } from '../core/host/channel';
import { Bus, type Host } from '../core/host/host';
import type { TraitName, Traits } from '../core/host/traits';
import { setLanguage } from '../core/strings';
import { Disposers, type Dispose } from '../core/ui/disposers';

export type Mount = (root: HTMLElement, host: Host, bus: Bus) => Dispose;
/** Listen from the creation of the model on, before it has a view. */
export type Prepare = (host: Host, bus: Bus) => Dispose;
type Values = Record<string, unknown>;

/** Create a widget whose views are mounted by `mount`; `vvnb-name` becomes a class of their root. */
export function widget(name: string, mount: Mount, prepare?: Prepare): AnyWidget<Values> {
  return () => {
    // One channel and one bus per model. Messages are received from `initialize` on: under "Run All" they arrive
    // before the first view exists.
    let host: ModelHost;
    let bus: Bus;
    return {
      initialize({ model }) {
        host = new ModelHost(model);
        bus = new Bus();
        const disposers = new Disposers();
        if (prepare) disposers.add(prepare(host, bus));
        disposers.child(host);
        return disposers.dispose;
      },
      render({ el }) {
        setLanguage();
        el.classList.add('vvnb', `vvnb-${name}`);
        el.dataset['lmSuppressShortcuts'] = 'true'; // JupyterLab handles keys before anything else
        const disposers = new Disposers();
        disposers.listen(el, 'keydown', (event) => event.stopPropagation()); // a notebook takes letters for commands
        disposers.child(mount(el, host, bus));
        return disposers.dispose;
      },
    };
  };
}

// ipywidgets holds a change back until the kernel has handled the previous one; custom messages overtake it.
const LATE_MS = 5_000;

class ModelHost implements Host {
  readonly channel: Channel;
  private saving = false;
  private readonly latest = new Map<string, { value: unknown; at: number }>();

  constructor(private readonly model: AnyModel<Values>) {
    this.channel = new Channel({
      send: (content, buffers) => model.send(content, undefined, buffers),
      onMessage: (callback) => model.on('msg:custom', callback),
      lateValues: () => this.lateValues(),
    });
    model.on('comm_live_update', this.interrupted); // ipywidgets: the connection came or went
  }

  get<K extends TraitName>(name: K): Traits[K] {
    return this.model.get(name) as Traits[K];
  }

  /** Values set in the same task are sent together. */
  set<K extends TraitName>(name: K, value: Traits[K]): void {
    this.model.set(name, value);
    this.latest.set(name, { value, at: Date.now() });
    if (this.saving) return;
    this.saving = true;
    queueMicrotask(() => {
      this.saving = false;
      this.model.save_changes();
    });
  }

  on(name: TraitName, callback: () => void): () => void {
    const listener = (): void => callback();
    this.model.on(`change:${name}`, listener);
    return () => this.model.off(`change:${name}`, listener);
  }

  private lateValues(): Record<string, unknown> {
    for (const [name, { value, at }] of this.latest) {
      if (Date.now() - at > LATE_MS || this.model.get(name) !== value) this.latest.delete(name);
    }
    return Object.fromEntries([...this.latest].map(([name, { value }]) => [name, value]));
  }

  dispose(): void {
    this.model.off('comm_live_update', this.interrupted);
    this.channel.close();
  }

  private readonly interrupted = (): void => this.channel.interrupted();
}
