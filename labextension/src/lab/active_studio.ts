/** The studio that commands are for: the document in front, else the one last used, also in a notebook. */

import { isBusy, type JobState } from '../core/host/traits';
import { openStudios, type OpenStudio } from '../core/host/open_studios';

const visible = ({ element }: OpenStudio): boolean => element.isConnected && element.offsetParent !== null;

export function activeStudio(): OpenStudio | undefined {
  const studios = openStudios().filter(visible);
  return studios.find(({ element }) => element.closest('.jp-mod-current, .lm-mod-current')) ?? studios.at(-1);
}

export const jobOf = ({ host }: OpenStudio): JobState | undefined => host.get('job');

/** The studio that is speaking, if any. */
export const busyStudio = (): OpenStudio | undefined =>
  openStudios().find((studio) => isBusy(jobOf(studio)) && studio.host.channel.connected);
