/** Turns as they are shown. */

import type { Host } from './host';
import type { TurnState } from './traits';

/** Turns of the script. Without a kernel, none is queued or being generated, whatever its last state. */
export function turnsOf(host: Host): readonly TurnState[] {
  const turns = host.get('turns') ?? [];
  if (host.channel.connected) return turns;
  return turns.map((turn) =>
    turn.state === 'queued' || turn.state === 'speaking'
      ? { ...turn, state: turn.chosen === null ? 'unspoken' : 'spoken' }
      : turn,
  );
}
