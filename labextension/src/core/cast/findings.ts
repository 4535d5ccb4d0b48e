/** Findings of the checks of a voice, as notes. */

import { h, type Child } from '../ui/dom';
import { note, type Tone } from '../ui/elements';
import type { Check, ModelLimits, SpeakerVoice } from '../host/traits';
import { t, type TextKey } from '../strings';
import { fits } from './voice_entries';

const SEVERITIES = {
  error: { tone: 'danger', label: 'cast.error' },
  warning: { tone: 'warning', label: 'cast.warning' },
  info: { tone: 'accent', label: 'cast.info' },
} as const satisfies Record<Check['severity'], { tone: Tone; label: TextKey }>;

/** Notes on a voice: that a built-in one replaces it, what the checks found, or that it looks good. */
export function findings(voice: SpeakerVoice, model: string, limits?: ModelLimits): HTMLElement[] {
  const notes = voice.checks.map(({ severity, message, remedy }) => {
    const { tone, label } = SEVERITIES[severity];
    return quietNote(
      tone,
      h('span', { class: 'vvnb-visually-hidden' }, t('cast.finding', { severity: t(label) })),
      h('div', null, `${capitalize(message)}.`),
      remedy ? h('div', { class: 'vvnb-hint' }, `${capitalize(remedy)}.`) : null,
    );
  });
  if (!fits(voice.prompt, limits))
    notes.unshift(
      quietNote(
        'danger',
        h('div', null, t(voice.prompt ? 'cast.no_prompt' : 'cast.needs_prompt', { model })),
        h('div', { class: 'vvnb-hint' }, t(voice.prompt ? 'cast.no_prompt_hint' : 'cast.needs_prompt_hint')),
      ),
    );
  else if (voice.stand_in)
    notes.unshift(
      quietNote(
        'warning',
        h('div', null, t('cast.stand_in', { model, voice: voice.stand_in })),
        h('div', { class: 'vvnb-hint' }, t('cast.stand_in_hint')),
      ),
    );
  else if (!notes.length && voice.needs_consent) notes.push(note('good', [t('cast.looks_good')]));
  return notes;
}

/** A note that screen readers do not announce on their own. */
function quietNote(tone: Tone, ...content: Child[]): HTMLElement {
  const element = note(tone, content);
  element.removeAttribute('role');
  return element;
}

/** Number of findings that matter for the sound; information does not count. */
export const countFindings = (voice: SpeakerVoice | null): number =>
  voice ? voice.checks.filter(({ severity }) => severity !== 'info').length : 0;

export const capitalize = (text: string): string => `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}`;
