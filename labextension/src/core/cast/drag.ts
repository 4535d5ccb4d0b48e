/** Voices dragged from a list onto a speaker's card. */

import type { Dispose } from '../ui/disposers';
import { acceptDrops } from '../ui/drops';

/** Media type of a voice's name, set by the list it is dragged from. */
export const VOICE_DRAG = 'application/vnd.vibevoice.voice';

/** Accept dragged voices on an element. */
export const acceptVoices = (target: HTMLElement, ondrop: (voice: string) => void): Dispose =>
  acceptDrops(
    target,
    (data) => data.types.includes(VOICE_DRAG),
    (data) => ondrop(data.getData(VOICE_DRAG)),
  );
