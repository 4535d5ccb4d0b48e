/** An anywidget model as the `Host` our components know. */

import type { AnyModel, AnyWidget } from '@anywidget/types';

import { Channel } from '../core/host/channel';
import { Bus, type Host } from '../core/host/host';
import type { TraitName, Traits } from '../core/host/traits';

export type Mount = (root: HTMLElement, host: Host, bus: Bus) => () => void;
/** What listens from the widget's beginning, before there is a view to hear it; returns how to stop that. */
export type Prepare = (host: Host, bus: Bus) => () => void;
type Values = Record<string, unknown>;

/** The widget whose views are mounted by `mount`; `name` becomes a class of their root, beside `vvnb`. */
export function widget(name: string, mount: Mount, prepare?: Prepare): AnyWidget<Values> {
  return () => {
    // One channel and one bus for each model. Messages are taken from `initialize` on: under Run All they come
    // before the first view is there.
    let host: ModelHost;
    let bus: Bus;
    return {
      initialize({ model }) {
        host = new ModelHost(model);
        bus = new Bus();
        const stop = prepare?.(host, bus);
        return () => {
          stop?.();
          host.dispose();
        };
      },
      render({ el }) {
        el.classList.add('vvnb', `vvnb-${name}`);
        el.dataset['lmSuppressShortcuts'] = 'true'; // JupyterLab hears keys before anybody else
        const stop = (event: Event): void => event.stopPropagation();
        el.addEventListener('keydown', stop); // else the notebook takes a letter for a command
        const unmount = mount(el, host, bus);
        return () => {
          el.removeEventListener('keydown', stop);
          unmount();
        };
      },
    };
  };
}

// ipywidgets holds a change back until the kernel is done with the one before, and custom messages overtake it.
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

  /** Several values set in one go travel together. */
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
