/** The rooms that are open in this page, whoever mounted them: notebooks' widgets and documents bring code of their own. */

import type { Bus, Host } from './host';

export interface Room {
  host: Host;
  bus: Bus;
  element: HTMLElement;
}

interface Rooms extends EventTarget {
  /** The one last used comes last. */
  list: Room[];
}

const KEY = Symbol.for('vibevoice-nb.rooms');

function shared(): Rooms {
  const page = globalThis as { [KEY]?: Rooms };
  return (page[KEY] ??= Object.assign(new EventTarget(), { list: [] as Room[] }));
}

/** Tell the page of a room; returns how to take it back. */
export function openRoom(room: Room): () => void {
  const rooms = shared();
  const last = (): void => {
    if (rooms.list.at(-1) === room) return;
    rooms.list = [...rooms.list.filter((other) => other !== room), room];
    rooms.dispatchEvent(new Event('change'));
  };
  last();
  room.element.addEventListener('focusin', last);
  return () => {
    room.element.removeEventListener('focusin', last);
    rooms.list = rooms.list.filter((other) => other !== room);
    rooms.dispatchEvent(new Event('change'));
  };
}

/** Every open room; the one last used comes last. */
export const openRooms = (): readonly Room[] => shared().list;

/** Call back when rooms open, close, or another one is used; returns how to stop that. */
export function onRooms(callback: () => void): () => void {
  const rooms = shared();
  rooms.addEventListener('change', callback);
  return () => rooms.removeEventListener('change', callback);
}
