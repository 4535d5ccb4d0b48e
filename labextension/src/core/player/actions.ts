/** Actions of the toolbar and the keys on the player's view. */

import type { Scale } from './spectrogram_tiles';

export interface ControlActions {
  toggleLoop(): void;
  zoom(factor: number): void;
  fit(): void;
  setFollow(on: boolean): void;
  setSpectrum(on: boolean): void;
  setScale(scale: Scale): void;
}
