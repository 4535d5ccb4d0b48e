/** What a component knows of the world around it: named values, a channel to the kernel, and its neighbours. */

import type { Channel } from './channel';

/** Values shared with the kernel (an anywidget model, a document, or a test's fake). */
export interface Host {
  get<T>(name: string): T;
  /** Set a value here and send it to the kernel. */
  set(name: string, value: unknown): void;
  /** Call back whenever a value changes, whoever changed it; returns how to stop that. */
  on(name: string, callback: () => void): () => void;
  readonly channel: Channel;
}

export interface BusEvents {
  /** The turn being heard, or null; the editor lights its line. */
  lit: { turn: string | null };
  /** Play from the beginning of a turn. */
  seek: { turn: string };
  /** Hear another source for a moment. */
  audition: { source: string; autoplay: boolean };
  /** A command from the keyboard. */
  act: { action: 'generate' | 'stop' | 'play' };
}

/** How the parts of one page tell each other what happened. */
export class Bus {
  private readonly target = new EventTarget();

  emit<K extends keyof BusEvents>(name: K, detail: BusEvents[K]): void {
    this.target.dispatchEvent(new CustomEvent(name, { detail }));
  }

  on<K extends keyof BusEvents>(name: K, callback: (detail: BusEvents[K]) => void): () => void {
    const listener = (event: Event): void => callback((event as CustomEvent<BusEvents[K]>).detail);
    this.target.addEventListener(name, listener);
    return () => this.target.removeEventListener(name, listener);
  }
}
