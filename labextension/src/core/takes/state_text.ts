/** State of a turn in words. */

import { displayState, type DisplayState, type TurnState } from '../host/traits';
import { t, type TextKey } from '../strings';

const STATES = {
  unspoken: 'takes.state_unspoken',
  queued: 'takes.state_queued',
  speaking: 'takes.state_speaking',
  spoken: 'takes.state_spoken',
  partial: 'takes.state_partial',
  context: 'takes.state_context',
  changed: 'takes.state_changed',
  unspeakable: 'takes.state_unspeakable',
} as const satisfies Record<DisplayState, TextKey>;

export const stateText = (turn: TurnState): string => t(STATES[displayState(turn)]);
