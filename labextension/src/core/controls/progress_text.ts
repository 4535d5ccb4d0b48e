/** Progress of a job in words. */

import type { Host } from '../host/host';
import type { ToPage } from '../host/protocol';
import type { JobState, ModelState } from '../host/traits';
import { t } from '../strings';
import { clock, span, speed } from '../ui/format';

export type Progress = ToPage['progress'];

/** Return the phase before the first frame: "Loading nano… 40 %". */
export function loadingText(job: JobState, loading: ModelState | null): string {
  if (loading) {
    const percent = Math.round(100 * (loading.loaded ?? 0));
    return percent
      ? t('controls.loading_model_percent', { model: loading.name, percent })
      : t('controls.loading_model', { model: loading.name });
  }
  if (job.state === 'queued') return t('controls.waiting_for_job');
  if (job.state === 'loading') return t('controls.loading_the_model');
  if (job.state === 'speaking') return t('controls.reading_prompt');
  return t('controls.starting');
}

/** Return the progress of the turn being generated: "Turn 3 of 6 · Anna · 2.1 s of about 4.0 s". */
export function turnText(host: Host, progress: Progress): string {
  if (!progress.turn) return t('controls.generated_so_far', { length: span(progress.seconds) });
  const speaker = host.get('turns')?.find((turn) => turn.id === progress.turn)?.speaker;
  const length = t('controls.turn_length', {
    done: span(progress.turn_seconds),
    total: span(Math.max(progress.turn_estimated, progress.turn_seconds)),
  });
  return [turnPosition(host.get('job'), progress), speaker, length].filter(Boolean).join(' · ');
}

function turnPosition(job: JobState | undefined, progress: Progress): string {
  const index = job?.id === progress.job ? job.turns.indexOf(progress.turn) : -1;
  const total = progress.turns_total;
  return t('controls.turn_position', { n: index < 0 ? Math.min(progress.turns_done + 1, total) : index + 1, total });
}

/** Return time and speed: "0:12 elapsed · 0:20 left · 1.8× faster than real time (RTF 0.55) · …". */
export function overallText({ elapsed, remaining, rtf, ttfa }: Progress): string {
  const parts = [t('controls.elapsed', { time: clock(elapsed) })];
  if (typeof remaining === 'number') parts.push(t('controls.left', { time: clock(remaining) }));
  if (speed(rtf)) parts.push(speed(rtf));
  if (typeof ttfa === 'number') parts.push(t('controls.first_audio', { time: span(ttfa) }));
  return parts.join(' · ');
}
