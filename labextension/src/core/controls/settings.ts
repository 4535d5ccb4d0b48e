/** Settings of a generation: steps, guidance, seed, solver, mode. */

import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { RANGES } from '../host/ranges';
import { button, freshId, segments } from '../ui/elements';
import { help } from '../ui/popover';
import { Disposers, type Dispose } from '../ui/disposers';
import { fitted, sliderField } from '../ui/slider_field';
import { watch } from '../ui/watch';
import { t, type TextKey } from '../strings';

/** Named numbers of steps; the middle one is the default. */
const PRESETS = [
  { id: 'draft', steps: 5, label: 'controls.draft', hint: 'controls.draft_hint' },
  { id: 'standard', steps: 10, label: 'controls.standard', hint: 'controls.standard_hint' },
  { id: 'quality', steps: 20, label: 'controls.quality', hint: 'controls.quality_hint' },
] as const satisfies readonly { id: string; steps: number; label: TextKey; hint: TextKey }[];

type Preset = (typeof PRESETS)[number]['id'] | '';

export const presetOf = (steps: number): Preset => PRESETS.find((preset) => preset.steps === steps)?.id ?? '';

const SOLVERS = [
  ['dpmsolver++', 'controls.solver_ode'],
  ['sde-dpmsolver++', 'controls.solver_sde'],
] as const;

const MODES = [
  ['turns', 'controls.mode_turns', 'controls.mode_turns_hint'],
  ['whole', 'controls.mode_whole', 'controls.mode_whole_hint'],
] as const;

export function mountSettings(root: HTMLElement, host: Host): Dispose {
  const steps = numberField(host, {
    trait: 'num_steps',
    label: t('controls.steps'),
    step: 1,
    about: help(t('controls.steps'), t('controls.steps_help'), t('controls.steps_advice')),
  });
  const guidance = numberField(host, {
    trait: 'cfg_scale',
    label: t('controls.guidance'),
    step: 0.1,
    about: help(t('controls.guidance'), t('controls.guidance_help'), t('controls.guidance_advice')),
  });
  const preset = segments<Preset>(
    t('controls.preset'),
    PRESETS.map(({ id, steps, label, hint }) => [id, t('controls.preset_steps', { preset: t(label), steps }), t(hint)]),
    (id) => host.set('num_steps', PRESETS.find((candidate) => candidate.id === id)!.steps),
  );
  const seed = seedField(host);
  const mode = modeField(host);
  const solver = solverField(host);
  const fields = h(
    'fieldset',
    { class: 'vvnb-settings', 'aria-label': t('controls.settings') },
    h('div', { class: 'vvnb-field' }, h('div', { class: 'vvnb-label' }, t('controls.preset')), preset.element),
    steps.element,
    guidance.element,
    seed.element,
    mode.element,
    solver.element,
  );
  root.append(fields);
  const render = (): void => {
    preset.set(presetOf(host.get('num_steps')));
    for (const field of [steps, guidance, seed, mode, solver]) field.update();
    fields.disabled = host.get('project_state')?.read_only ?? false;
  };
  const disposers = new Disposers();
  disposers.add(
    watch(host, ['num_steps', 'cfg_scale', 'seed', 'last_seed', 'solver', 'mode', 'project_state'], render),
    () => fields.remove(),
  );
  return disposers.dispose;
}

interface Field {
  element: HTMLElement;
  update(): unknown;
}

interface NumberOptions {
  trait: 'num_steps' | 'cfg_scale';
  label: string;
  step: number;
  about: HTMLElement;
}

/** A slider and a number field for one trait. */
function numberField(host: Host, { trait, ...options }: NumberOptions): Field {
  const field = sliderField({ ...options, range: RANGES[trait], onchange: (value) => host.set(trait, value) });
  return { element: field.element, update: () => field.show(host.get(trait)) };
}

function seedField(host: Host): Field {
  const { min, max } = RANGES.seed;
  const number = h('input', {
    type: 'number',
    class: 'vvnb-input vvnb-seed',
    min,
    max,
    step: 1,
    'aria-label': t('controls.seed'),
    onchange: () => {
      const typed = fitted(number.value, { min, max, step: 1 });
      host.set('seed', typed ?? host.get('seed'));
      update();
    },
  });
  const kind = segments<'drawn' | 'fixed'>(
    t('controls.seed'),
    [
      ['drawn', t('controls.new_seed'), t('controls.new_seed_hint')],
      ['fixed', t('controls.fixed_seed'), t('controls.fixed_seed_hint')],
    ],
    (which) => {
      host.set('seed', which === 'drawn' ? null : (host.get('last_seed') ?? Math.floor(Math.random() * 2 ** 31)));
      update();
      if (which === 'fixed') number.focus();
    },
  );
  const last = h('span', { class: 'vvnb-hint' });
  const keep = button({
    label: t('controls.keep_seed'),
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
    last.textContent = drawn === null ? t('controls.no_seed_yet') : t('controls.last_seed', { seed: drawn });
    keep.hidden = drawn === null || drawn === fixed;
  };
  return {
    element: h(
      'div',
      { class: 'vvnb-field' },
      h(
        'div',
        { class: 'vvnb-label' },
        t('controls.seed'),
        help(t('controls.seed'), t('controls.seed_help'), t('controls.seed_stored')),
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
    ...SOLVERS.map(([value, label]) => h('option', { value }, t(label))),
  );
  const label = h(
    'div',
    { class: 'vvnb-label' },
    h('label', { for: select.id }, t('controls.solver')),
    help(t('controls.solver'), t('controls.solver_help')),
  );
  return {
    element: h('div', { class: 'vvnb-field' }, label, select),
    update: () => (select.value = host.get('solver')),
  };
}

function modeField(host: Host): Field {
  const name = freshId('mode');
  const inputs = MODES.map(([value, label, hint]) => {
    const input = h('input', { type: 'radio', name, value, onchange: () => host.set('mode', value) });
    return [
      input,
      h(
        'label',
        { class: 'vvnb-choice' },
        input,
        h('span', null, h('strong', null, t(label)), h('span', { class: 'vvnb-hint' }, t(hint))),
      ),
    ] as const;
  });
  return {
    element: h(
      'div',
      { class: 'vvnb-field', role: 'radiogroup', 'aria-label': t('controls.mode') },
      h('div', { class: 'vvnb-label' }, t('controls.mode')),
      ...inputs.map((pair) => pair[1]),
    ),
    update() {
      for (const [input] of inputs) input.checked = input.value === host.get('mode');
    },
  };
}
