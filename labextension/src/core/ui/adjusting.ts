/** Fields of adjustments: gain and pace, of a turn and of a speaker. */

import { RANGES } from '../host/ranges';
import { t } from '../strings';
import { sliderField, type SliderField } from './slider_field';

/** A gain with its sign: +3 dB, −1.5 dB. */
export const decibels = (value: number): string =>
  t('common.decibels', { value: `${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.abs(value)}` });

/** A pace as a factor: 1.1×. */
export const times = (pace: number): string => t('common.times', { value: pace });

/** A field for a gain; `name` is its name for screen readers. */
export function gainField(name: string, onchange: (gain: number) => void): SliderField {
  const label = t('common.gain');
  return sliderField({ label, name, range: RANGES.gain, step: 0.5, unit: t('common.db'), compact: true, onchange });
}

export function paceField(name: string, onchange: (pace: number) => void): SliderField {
  const label = t('common.pace');
  return sliderField({ label, name, range: RANGES.pace, step: 0.05, unit: '×', compact: true, onchange });
}
