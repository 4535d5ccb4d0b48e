/** Progress of a job, as text and as a fraction: for the generate bar and the status bar. */

import type { ToPage } from '../host/protocol';
import type { JobState, ModelState } from '../host/traits';
import { t } from '../strings';

export type Progress = ToPage['progress'];

/** The last progress message, if it is about this job. */
export const progressOf = (job: JobState, last: Progress | null): Progress | null =>
  last?.job === job.id ? last : null;

/** The model that the job is waiting for. */
const loadingModel = (job: JobState, model: ModelState | undefined): ModelState | null =>
  job.state === 'loading' && model?.state === 'loading' ? model : null;

/** Fraction of the audio that is generated, or of the model that is loaded; null while it is unknown. */
export function fractionDone(job: JobState, now: Progress | null, model: ModelState | undefined): number | null {
  if (now) return now.seconds / Math.max(now.estimated, now.seconds, 0.1);
  return loadingModel(job, model)?.fraction || null;
}

/** The phase before the first frame: "Loading nano… 40 %". */
export function waitingText(job: JobState, model: ModelState | undefined): string {
  const loading = loadingModel(job, model);
  const server = model?.server;
  if (job.state === 'speaking' && server?.position)
    return t('controls.waiting_in_queue', {
      server: server.host,
      position: server.position,
      waiting: server.waiting,
    });
  const percent = Math.round(100 * (loading?.fraction ?? 0));
  if (loading && percent) return t('controls.loading_model_percent', { model: loading.name, percent });
  if (loading) return t('controls.loading_model', { model: loading.name });
  switch (job.state) {
    case 'queued':
      return t('controls.waiting_for_job');
    case 'loading':
      return t('controls.loading_the_model');
    case 'speaking':
      return t('controls.reading_prompt');
    default:
      return t('controls.starting');
  }
}

/** Place of the current turn in its job: "Turn 3 of 6". */
export function turnPlace(job: JobState | undefined, now: Progress): string {
  const { turns_done: done, turns_total: total } = now;
  if (job?.id === now.job && total > job.turns.length)
    return t('controls.take_place', { n: Math.min(done + 1, total), total });
  const place = job?.id === now.job ? job.turns.indexOf(now.turn) : -1;
  const n = place < 0 ? Math.min(now.turns_done + 1, now.turns_total) : place + 1;
  return t('controls.turn_place', { n, total: now.turns_total });
}
