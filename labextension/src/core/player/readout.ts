/** Read-out of the time, frequency and level under the pointer. */

import { SAMPLE_RATE } from '../audio/resample';
import { t } from '../strings';
import { h } from '../ui/dom';

export class Readout {
  readonly element = h('output', { class: 'vvnb-deck-readout', 'aria-hidden': 'true' });

  /** Show a position; a level in dB relative to full scale, null if it is unknown; a frequency in Hz. */
  show(sample: number, level: number | null, hertz?: number): void {
    const seconds = Math.max(0, sample / SAMPLE_RATE);
    const parts = [`${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(2).padStart(5, '0')}`];
    if (hertz !== undefined) parts.push(frequency(hertz));
    if (level !== null) parts.push(t('player.decibels', { value: level.toFixed(0).replace('-', '−') }));
    this.element.textContent = parts.join(' · ');
  }

  clear(): void {
    this.element.textContent = '';
  }
}

/** A frequency with its unit. */
export const frequency = (hertz: number): string =>
  hertz < 1000
    ? t('player.hertz', { value: Math.round(hertz) })
    : t('player.kilohertz', { value: (hertz / 1000).toFixed(hertz % 1000 ? 1 : 0) });
