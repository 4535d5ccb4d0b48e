/** Action of the Generate button, and the reasons why it is disabled. */

import { isMissing, secondsOf, type TurnState } from '../host/traits';
import type { Host } from '../host/host';
import { t } from '../strings';
import { span } from '../ui/format';

/** Return why nothing can be generated and what to do about it; empty if generation can start. */
export function blockingReason(host: Host): string {
  const turns = host.get('turns') ?? [];
  const project = host.get('project_state');
  if (project?.read_only) return t('controls.read_only');
  if (project?.problem) return project.unsaved ? t('controls.not_saved') : t('controls.not_writable');
  const error = host.get('diagnostics')?.find(({ severity }) => severity === 'error');
  if (error) return t('controls.line_has_error', { line: error.line });
  if (!turns.length) return t('controls.write_line');
  if (turns.every((turn) => turn.state === 'unspeakable')) return t('controls.nothing_to_generate');
  const present = new Set(turns.map((turn) => turn.speaker));
  const speakers = (host.get('speakers') ?? []).filter((speaker) => present.has(speaker.label));
  const silent = speakers.find((speaker) => !speaker.voice && !speaker.default_voice);
  if (silent) return t('controls.needs_voice', { speaker: silent.label, tab: t('studio.cast') });
  const unconfirmed = speakers.find((speaker) => speaker.voice?.needs_consent && !speaker.voice.consent);
  if (unconfirmed) return t('controls.needs_consent', { speaker: unconfirmed.label, tab: t('studio.cast') });
  return '';
}

/** Return the turns that the model can generate. */
function speakable(host: Host): TurnState[] {
  return (host.get('turns') ?? []).filter((turn) => turn.state !== 'unspeakable');
}

/** Action of the primary button: generate the missing turns, or play when none is missing. */
export interface PrimaryAction {
  kind: 'generate' | 'play';
  label: string;
}

export function primaryAction(host: Host): PrimaryAction {
  const turns = speakable(host);
  const missing = turns.filter(isMissing).length;
  if (turns.length && !missing) return { kind: 'play', label: t('common.play') };
  if (host.get('mode') === 'whole') return { kind: 'generate', label: t('controls.generate_script') };
  if (missing === turns.length) return { kind: 'generate', label: t('controls.generate') };
  return { kind: 'generate', label: t('controls.generate_turns', { count: missing }) };
}

/** Return the turns that "Regenerate all" generates anew. */
export const allTurns = (host: Host): string[] => speakable(host).map((turn) => turn.id);

/** Return the number of generated turns and their duration: "2 of 6 turns generated · about 20 s in total". */
export function scriptSummary(host: Host): string {
  const turns = speakable(host);
  if (!turns.length) return '';
  const count = turns.length;
  const missing = turns.filter(isMissing).length;
  const skipped = (host.get('turns') ?? []).length - count;
  const length = span(turns.reduce((sum, turn) => sum + secondsOf(turn), 0));
  const parts = missing
    ? [t('controls.some_generated', { done: count - missing, count }), t('controls.about_in_total', { length })]
    : [t('controls.all_generated', { count }), length];
  if (skipped) parts.push(t('controls.turns_skipped', { count: skipped }));
  return parts.join(' · ');
}
