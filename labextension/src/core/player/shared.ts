import type { Bus, Host } from '../host/host';
import { Transport } from './playback';

const transports = new WeakMap<Host, { transport: Transport; users: number }>();

/** The transport of a widget model, shared by its views; `release` it when done. */
export function transportOf(host: Host, bus: Bus): { transport: Transport; release: () => void } {
  const shared = transports.get(host) ?? { transport: new Transport(host, bus), users: 0 };
  transports.set(host, shared);
  shared.users++;
  let held = true;
  const release = (): void => {
    if (!held) return;
    held = false;
    if (--shared.users > 0) return;
    transports.delete(host);
    shared.transport.dispose();
  };
  return { transport: shared.transport, release };
}
