/** The studios that are open in this page, whoever mounted them: notebooks' widgets and documents bring code of their own. */

import type { Bus, Host } from './host';

export interface OpenStudio {
  host: Host;
  bus: Bus;
  element: HTMLElement;
}

interface OpenStudios extends EventTarget {
  /** The one last used comes last. */
  list: OpenStudio[];
}

const KEY = Symbol.for('vibevoice-nb.studios');

function shared(): OpenStudios {
  const page = globalThis as { [KEY]?: OpenStudios };
  return (page[KEY] ??= Object.assign(new EventTarget(), { list: [] as OpenStudio[] }));
}

/** Tell the page of a studio; returns how to take it back. */
export function registerStudio(studio: OpenStudio): () => void {
  const studios = shared();
  const last = (): void => {
    if (studios.list.at(-1) === studio) return;
    studios.list = [...studios.list.filter((other) => other !== studio), studio];
    studios.dispatchEvent(new Event('change'));
  };
  last();
  studio.element.addEventListener('focusin', last);
  return () => {
    studio.element.removeEventListener('focusin', last);
    studios.list = studios.list.filter((other) => other !== studio);
    studios.dispatchEvent(new Event('change'));
  };
}

/** Every open studio; the one last used comes last. */
export const openStudios = (): readonly OpenStudio[] => shared().list;

/** Call back when studios open, close, or another one is used; returns how to stop that. */
export function onStudiosChange(callback: () => void): () => void {
  const studios = shared();
  studios.addEventListener('change', callback);
  return () => studios.removeEventListener('change', callback);
}
