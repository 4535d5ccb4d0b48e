/** Actions of the toolbar and the keys on the player's view. */

import type { Scale } from './frequencies';
import type { Views } from './views';

export interface ControlActions {
  toggleLoop(): void;
  zoom(factor: number): void;
  fit(): void;
  setFollow(on: boolean): void;
  /** Show the waveform, the spectrogram or both. */
  setViews(views: Views): void;
  /** Switch between waveform only, spectrogram only and both. */
  nextViews(): void;
  /** Reduce the player to its toolbar and overview. */
  setCollapsed(on: boolean): void;
  setScale(scale: Scale): void;
}
