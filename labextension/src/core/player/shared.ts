/** One playback per widget model, shared by its views. */

import type { Bus, Host } from '../host/host';
import { Playback } from './playback';

const playbacks = new WeakMap<Host, { playback: Playback; users: number }>();

/** Return the playback of a widget model; call `release` when it is no longer needed. */
export function playbackOf(host: Host, bus: Bus): { playback: Playback; release: () => void } {
  const shared = playbacks.get(host) ?? { playback: new Playback(host, bus), users: 0 };
  playbacks.set(host, shared);
  shared.users++;
  let held = true;
  const release = (): void => {
    if (!held) return;
    held = false;
    if (--shared.users > 0) return;
    playbacks.delete(host);
    shared.playback.dispose();
  };
  return { playback: shared.playback, release };
}
