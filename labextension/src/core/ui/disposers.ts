/** Disposal: a component registers everything that must end with it, and returns one `dispose`. */

export type Dispose = () => void;

type EventMap<T> = T extends Window
  ? WindowEventMap
  : T extends Document
    ? DocumentEventMap
    : T extends HTMLElement
      ? HTMLElementEventMap
      : T extends MediaQueryList
        ? MediaQueryListEventMap
        : Record<never, never>;
type EventOf<T, K> = K extends keyof EventMap<T> ? EventMap<T>[K] : Event;

/**
 * Cleanup of one component.
 *
 * ```ts
 * export function mountThing(root: HTMLElement, host: Host): Dispose {
 *   const disposers = new Disposers();
 *   disposers.add(watch(host, ['turns'], render), () => element.remove());
 *   disposers.listen(window, 'resize', render);
 *   disposers.child(mountPart(element, host));
 *   return disposers.dispose;
 * }
 * ```
 */
export class Disposers {
  private readonly list: Dispose[] = [];
  private disposed = false;

  /** Register functions to call on disposal; after disposal, call them at once. */
  add(...disposers: Dispose[]): void {
    if (this.disposed) for (const dispose of disposers) dispose();
    else this.list.push(...disposers);
  }

  /** Listen to an event until disposal. */
  listen<T extends EventTarget, K extends string & (keyof EventMap<T> | (string & {}))>(
    target: T,
    type: K,
    handler: (event: EventOf<T, K>) => void,
    options?: AddEventListenerOptions | boolean,
  ): void {
    const listener = handler as EventListener;
    target.addEventListener(type, listener, options);
    this.add(() => target.removeEventListener(type, listener, options));
  }

  /** Register a child component: what its mount function returned, or an object with `dispose`; return it. */
  child<T extends Dispose | { dispose(): void }>(child: T): T {
    this.add(typeof child === 'function' ? child : () => child.dispose());
    return child;
  }

  /** Call every registered function once, in the order of registration. */
  readonly dispose = (): void => {
    this.disposed = true;
    for (const dispose of this.list.splice(0)) dispose();
  };
}
