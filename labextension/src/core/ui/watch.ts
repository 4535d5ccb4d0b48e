/** Redrawing what depends on the host's values: at most once a frame, and never under somebody's typing. */

import type { Host } from '../host/host';

/** Call `render` now, and after any of the values has changed; returns how to stop. */
export function watch(host: Host, names: readonly string[], render: () => void): () => void {
  let waiting = 0;
  const soon = (): void => {
    waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      render();
    });
  };
  const stops = names.map((name) => host.on(name, soon));
  render();
  return () => {
    cancelAnimationFrame(waiting);
    for (const stop of stops) stop();
  };
}

/** Everything to undo when a component goes away. */
export class Disposers {
  private readonly list: (() => void)[] = [];

  add(...disposers: (() => void)[]): void {
    this.list.push(...disposers);
  }

  readonly dispose = (): void => {
    for (const disposer of this.list.splice(0)) disposer();
  };
}

/**
 * Keep a list of elements in step with a list of items: an item that stays keeps its element, and with it the
 * focus and whatever is open in it.
 */
export class Keyed<T, E extends { element: HTMLElement; update(item: T): void; dispose?(): void }> {
  private readonly parts = new Map<string, E>();

  constructor(
    private readonly parent: HTMLElement,
    private readonly key: (item: T) => string,
    private readonly make: (item: T) => E,
  ) {}

  update(items: readonly T[]): void {
    const wanted = new Set(items.map(this.key));
    for (const [key, part] of this.parts) {
      if (wanted.has(key)) continue;
      part.dispose?.();
      part.element.remove();
      this.parts.delete(key);
    }
    items.forEach((item, at) => {
      const key = this.key(item);
      let part = this.parts.get(key);
      if (!part) {
        part = this.make(item);
        this.parts.set(key, part);
      }
      part.update(item);
      if (this.parent.children[at] !== part.element)
        this.parent.insertBefore(part.element, this.parent.children[at] ?? null);
    });
  }

  get(key: string): E | undefined {
    return this.parts.get(key);
  }

  dispose(): void {
    for (const part of this.parts.values()) part.dispose?.();
    this.parts.clear();
  }
}
