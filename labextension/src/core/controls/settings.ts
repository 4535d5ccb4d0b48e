/** Steps, guidance, seed, solver, mode. */

import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { button, freshId, segments } from '../ui/elements';
import { help } from '../ui/popover';
import { watch } from '../ui/watch';

/** Named amounts of work; the middle one is the default. */
export const PRESETS = [
  ['draft', 'Draft', 5, '5 steps: quick, for trying a script out'],
  ['standard', 'Standard', 10, '10 steps: what the model was published with'],
  ['quality', 'Quality', 20, '20 steps: slower, for the final version'],
] as const;

type Preset = (typeof PRESETS)[number][0] | '';

export const presetOf = (steps: number): Preset => PRESETS.find((preset) => preset[2] === steps)?.[0] ?? '';

const SOLVERS = [
  ['dpmsolver++', 'DPM-Solver++ (steady)'],
  ['sde-dpmsolver++', 'SDE-DPM-Solver++ (livelier)'],
] as const;

const MODES = [
  [
    'turns',
    'Turn by turn, in context',
    'Each line is spoken after the takes you chose before it. One line can be spoken again, and the others stay as they are.',
  ],
  [
    'whole',
    'Whole script in one pass',
    'The way the model was published: all lines in one breath. Any change means speaking everything again.',
  ],
] as const;

export function mountSettings(root: HTMLElement, host: Host): () => void {
  const steps = numberField(host, {
    trait: 'num_steps',
    label: 'Steps',
    min: 1,
    max: 999,
    step: 1,
    about: help(
      'Steps',
      'How often the sound of each frame (133 ms) is refined. The time it takes grows with the steps.',
      '10 is the default. 5 are good enough to judge a script, beyond 20 hardly anything changes.',
    ),
  });
  const guidance = numberField(host, {
    trait: 'cfg_scale',
    label: 'Guidance (CFG scale)',
    min: 1,
    max: 10,
    step: 0.1,
    about: help(
      'Guidance (CFG scale)',
      'How strongly the voice and the text are followed. 1.0 switches guidance off, and is quicker.',
      'The published models are at their best near 1.3, the embedded voice nano near 3. Higher sounds clearer and stricter, in the end pressed.',
    ),
  });
  const preset = segments<Preset>(
    'Preset',
    PRESETS.map(([id, name, steps, title]) => [id, `${name} · ${steps}`, title] as const),
    (id) => host.set('num_steps', PRESETS.find((candidate) => candidate[0] === id)![2]),
  );
  const seed = seedField(host);
  const mode = modeField(host);
  const solver = solverField(host);
  const fields = h(
    'fieldset',
    { class: 'vvnb-settings', 'aria-label': 'Settings' },
    h('div', { class: 'vvnb-field' }, h('div', { class: 'vvnb-label' }, 'Preset'), preset.element),
    steps.element,
    guidance.element,
    seed.element,
    mode.element,
    solver.element,
  );
  root.append(fields);
  const stop = watch(host, ['num_steps', 'cfg_scale', 'seed', 'last_seed', 'solver', 'mode', 'project'], () => {
    preset.set(presetOf(host.get('num_steps')));
    steps.update();
    guidance.update();
    seed.update();
    mode.update();
    solver.update();
    fields.disabled = host.get('project')?.read_only ?? false;
  });
  return () => {
    stop();
    fields.remove();
  };
}

interface Field {
  element: HTMLElement;
  update(): unknown;
}

interface NumberOptions {
  trait: 'num_steps' | 'cfg_scale';
  label: string;
  min: number;
  max: number;
  step: number;
  about: HTMLElement;
}

/** A value on the field's grid and within its limits, whatever was typed; null for what is no number. */
export function fitted(text: string, { min, max, step }: Pick<NumberOptions, 'min' | 'max' | 'step'>): number | null {
  const typed = Number(text.replace(',', '.'));
  if (!text.trim() || !Number.isFinite(typed)) return null;
  const onGrid = min + Math.round((typed - min) / step) * step;
  return Number(Math.min(max, Math.max(min, onGrid)).toFixed(4));
}

/** A slider and a number field for one value. */
function numberField(host: Host, options: NumberOptions): Field {
  const { trait, label, min, max, step, about } = options;
  const digits = step < 1 ? 1 : 0;
  const id = freshId('number');
  const input = h('input', {
    type: 'number',
    class: 'vvnb-input',
    'data-number': true,
    id,
    min,
    max,
    step,
    inputmode: 'decimal',
  });
  const slider = h('input', { type: 'range', class: 'vvnb-slider', min, max, step, 'aria-label': label });
  const take = (text: string): void => {
    const value = fitted(text, options);
    if (value !== null) host.set(trait, value);
    else update();
  };
  input.addEventListener('change', () => {
    take(input.value);
    update();
  });
  slider.addEventListener('input', () => take(slider.value));
  const update = (): void => {
    const value = host.get(trait);
    slider.value = String(value);
    slider.style.setProperty('--part', String((value - min) / (max - min)));
    if (document.activeElement !== input || Number(input.value) !== value) input.value = value.toFixed(digits);
  };
  return {
    element: h(
      'div',
      { class: 'vvnb-field' },
      h('div', { class: 'vvnb-label' }, h('label', { for: id }, label), about),
      h('div', { class: 'vvnb-row', 'data-nowrap': true }, slider, input),
    ),
    update,
  };
}

function seedField(host: Host): Field {
  const number = h('input', {
    type: 'number',
    class: 'vvnb-input vvnb-seed',
    min: 0,
    max: 2 ** 31 - 1,
    step: 1,
    'aria-label': 'Seed',
    onchange: () => {
      const typed = fitted(number.value, { min: 0, max: 2 ** 31 - 1, step: 1 });
      host.set('seed', typed ?? host.get('seed'));
      update();
    },
  });
  const kind = segments<'drawn' | 'fixed'>(
    'Seed',
    [
      ['drawn', 'New each time', 'A seed is drawn for each generation, and kept with the take'],
      ['fixed', 'Fixed', 'The same seed and settings give the same sound'],
    ],
    (which) => {
      host.set('seed', which === 'drawn' ? null : (host.get('last_seed') ?? Math.floor(Math.random() * 2 ** 31)));
      update();
      if (which === 'fixed') number.focus();
    },
  );
  const last = h('span', { class: 'vvnb-hint' });
  const keep = button({
    label: 'Keep this seed',
    kind: 'link',
    size: 'small',
    onclick: () => host.set('seed', host.get('last_seed')),
  });
  const used = h('div', { class: 'vvnb-row', 'data-tight': true }, last, keep);
  const update = (): void => {
    const fixed = host.get('seed');
    const drawn = host.get('last_seed');
    kind.set(fixed === null ? 'drawn' : 'fixed');
    number.hidden = fixed === null;
    if (fixed !== null && document.activeElement !== number) number.value = String(fixed);
    last.textContent = drawn === null ? 'The seed used is shown here.' : `Last seed used: ${drawn}`;
    keep.hidden = drawn === null || drawn === fixed;
  };
  return {
    element: h(
      'div',
      { class: 'vvnb-field' },
      h(
        'div',
        { class: 'vvnb-label' },
        'Seed',
        help(
          'Seed',
          'Where the noise begins that becomes the sound. Another seed is another rendering: another intonation, other breaths.',
          'Every take remembers its seed, so that it can be made again.',
        ),
      ),
      h('div', { class: 'vvnb-row' }, kind.element, number),
      used,
    ),
    update,
  };
}

function solverField(host: Host): Field {
  const select = h(
    'select',
    { class: 'vvnb-select', id: freshId('solver'), onchange: () => host.set('solver', select.value) },
    ...SOLVERS.map(([value, label]) => h('option', { value }, label)),
  );
  const about =
    'How the steps walk from noise to sound. The SDE kind adds fresh noise at each step: a little livelier, less alike from take to take.';
  const label = h('div', { class: 'vvnb-label' }, h('label', { for: select.id }, 'Solver'), help('Solver', about));
  return {
    element: h('div', { class: 'vvnb-field' }, label, select),
    update: () => (select.value = host.get('solver')),
  };
}

function modeField(host: Host): Field {
  const name = freshId('mode');
  const inputs = MODES.map(([value, label, about]) => {
    const input = h('input', { type: 'radio', name, value, onchange: () => host.set('mode', value) });
    return [
      input,
      h(
        'label',
        { class: 'vvnb-choice' },
        input,
        h('span', null, h('strong', null, label), h('span', { class: 'vvnb-hint' }, about)),
      ),
    ] as const;
  });
  return {
    element: h(
      'div',
      { class: 'vvnb-field', role: 'radiogroup', 'aria-label': 'Mode' },
      h('div', { class: 'vvnb-label' }, 'Mode'),
      ...inputs.map((pair) => pair[1]),
    ),
    update() {
      for (const [input] of inputs) input.checked = input.value === host.get('mode');
    },
  };
}
