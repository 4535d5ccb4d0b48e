/** Rendering when the host's traits change, at most once a frame; lists that keep their elements. */

import type { Host } from '../host/host';
import type { TraitName } from '../host/traits';

/** Call `render` now, and once a frame after any of the traits has changed; return a function that stops it. */
export function watch(host: Host, names: readonly TraitName[], render: () => void): () => void {
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

/** Elements for a list of items: an item that stays keeps its element, and with it focus and open popovers. */
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
