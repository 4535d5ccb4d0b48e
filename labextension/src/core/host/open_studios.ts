/** Registry of the studios in this page; shared by widgets and documents, which are built separately. */

import { Disposers } from '../ui/disposers';
import type { Bus, Host } from './host';

export interface OpenStudio {
  host: Host;
  bus: Bus;
  element: HTMLElement;
}

interface OpenStudios extends EventTarget {
  /** In order of use; the last one was used last. */
  list: OpenStudio[];
}

const KEY = Symbol.for('vibevoice-nb.studios');

function shared(): OpenStudios {
  const page = globalThis as { [KEY]?: OpenStudios };
  return (page[KEY] ??= Object.assign(new EventTarget(), { list: [] as OpenStudio[] }));
}

/** Register a studio; return a function that removes it. */
export function registerStudio(studio: OpenStudio): () => void {
  const studios = shared();
  const last = (): void => {
    if (studios.list.at(-1) === studio) return;
    studios.list = [...studios.list.filter((other) => other !== studio), studio];
    studios.dispatchEvent(new Event('change'));
  };
  last();
  const disposers = new Disposers();
  disposers.listen(studio.element, 'focusin', last);
  disposers.add(() => {
    studios.list = studios.list.filter((other) => other !== studio);
    studios.dispatchEvent(new Event('change'));
  });
  return disposers.dispose;
}

/** All open studios; the last one was used last. */
export const openStudios = (): readonly OpenStudio[] => shared().list;

/** Call back when studios open, close, or another one is used; return a function that stops it. */
export function onStudiosChange(callback: () => void): () => void {
  const studios = shared();
  studios.addEventListener('change', callback);
  return () => studios.removeEventListener('change', callback);
}
