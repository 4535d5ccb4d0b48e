/** Slider fields: a slider and a number field for one value. */

import { h, type Child } from './dom';
import { freshId } from './elements';

export interface Range {
  min: number;
  max: number;
}

export interface SliderOptions {
  label: string;
  /** Name for screen readers, if the label alone is not unique. */
  name?: string;
  /** Numbers that are accepted. */
  range: Range;
  /** Numbers on the slider, if they are fewer. */
  slider?: Range;
  step: number;
  /** Unit after the number. */
  unit?: string;
  /** Element after the label, such as a help button. */
  about?: Child;
  /** One row instead of a label above. */
  compact?: boolean;
  onchange: (value: number) => void;
}

export interface SliderField {
  element: HTMLElement;
  show(value: number): void;
  disable(on: boolean): void;
}

interface Grid extends Range {
  step: number;
}

/** Parse a number, clamp it to the field's range and round it to the field's step; null if it is not a number. */
export function fitted(text: string, { min, max, step }: Grid): number | null {
  const typed = Number(text.replace(',', '.'));
  if (!text.trim() || !Number.isFinite(typed)) return null;
  const onGrid = min + Math.round((typed - min) / step) * step;
  return Number(Math.min(max, Math.max(min, onGrid)).toFixed(4));
}

/** Decimals of a step: 0.05 has 2. */
const decimals = (step: number): number => (String(step).split('.')[1] ?? '').length;

export function sliderField(options: SliderOptions): SliderField {
  const { label, range, step, onchange } = options;
  const onSlider = options.slider ?? range;
  const id = freshId('number');
  let shown = range.min;
  const take = (text: string): void => {
    const value = fitted(text, { ...range, step });
    if (value === null) return show(shown);
    show(value);
    onchange(value);
  };
  const input = h('input', {
    type: 'number',
    class: 'vvnb-input',
    'data-number': true,
    id,
    ...range,
    step,
    inputmode: 'decimal',
    'aria-label': options.name,
    onchange: () => take(input.value),
  });
  const slider = h('input', {
    type: 'range',
    class: 'vvnb-slider',
    ...onSlider,
    step,
    'aria-label': options.name ?? label,
    oninput: () => take(slider.value),
  });
  const show = (value: number): void => {
    shown = value;
    slider.value = String(value);
    slider.style.setProperty('--part', String((value - onSlider.min) / (onSlider.max - onSlider.min)));
    if (document.activeElement !== input || Number(input.value) !== value) input.value = value.toFixed(decimals(step));
  };
  const text = h('label', { for: id }, label);
  const unit = options.unit ? h('span', { class: 'vvnb-hint vvnb-unit' }, options.unit) : null;
  const element = options.compact
    ? h(
        'div',
        { class: 'vvnb-slider-row' },
        h('div', { class: 'vvnb-label' }, text, options.about),
        slider,
        input,
        unit,
      )
    : h(
        'div',
        { class: 'vvnb-field' },
        h('div', { class: 'vvnb-label' }, text, options.about),
        h('div', { class: 'vvnb-row', 'data-nowrap': true }, slider, input, unit),
      );
  return {
    element,
    show,
    disable(on) {
      input.disabled = slider.disabled = on;
    },
  };
}
