/** Target of commands: the studio of the current document, or else the one used last, also in a notebook. */

import { isBusy, type JobState } from '../core/host/traits';
import { openStudios, type OpenStudio } from '../core/host/open_studios';

const visible = ({ element }: OpenStudio): boolean => element.isConnected && element.offsetParent !== null;

export function activeStudio(): OpenStudio | undefined {
  const studios = openStudios().filter(visible);
  return studios.find(({ element }) => element.closest('.jp-mod-current, .lm-mod-current')) ?? studios.at(-1);
}

export const jobOf = ({ host }: OpenStudio): JobState | undefined => host.get('job');

/** The studio that is generating, if any. */
export const busyStudio = (): OpenStudio | undefined =>
  openStudios().find((studio) => isBusy(jobOf(studio)) && studio.host.channel.connected);
