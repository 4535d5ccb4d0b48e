/** The room that commands are for: the document in front, else the one last used, also in a notebook. */

import { isBusy, type JobState } from '../core/host/traits';
import { openRooms, type Room } from '../core/host/open_studios';

const visible = ({ element }: Room): boolean => element.isConnected && element.offsetParent !== null;

export function currentRoom(): Room | undefined {
  const rooms = openRooms().filter(visible);
  return rooms.find(({ element }) => element.closest('.jp-mod-current, .lm-mod-current')) ?? rooms.at(-1);
}

export const jobOf = ({ host }: Room): JobState | undefined => host.get('job');

/** The room that is speaking, if any. */
export const busyRoom = (): Room | undefined =>
  openRooms().find((room) => isBusy(jobOf(room)) && room.host.channel.connected);
