/** Details of a job's progress, for the generate bar. */

import type { Host } from '../host/host';
import { t } from '../strings';
import { clock, span, speed } from '../ui/format';
import { turnPlace, type Progress } from '../ui/progress';

/** Return the progress of the turn being generated: "Turn 3 of 6 · Anna · 2.1 s of about 4.0 s". */
export function turnText(host: Host, progress: Progress): string {
  if (!progress.turn) return t('controls.generated_so_far', { length: span(progress.seconds) });
  const speaker = host.get('turns')?.find((turn) => turn.id === progress.turn)?.speaker;
  const length = t('controls.turn_length', {
    done: span(progress.turn_seconds),
    total: span(Math.max(progress.turn_estimated, progress.turn_seconds)),
  });
  return [turnPlace(host.get('job'), progress), speaker, length].filter(Boolean).join(' · ');
}

/** Return time and speed: "0:12 elapsed · 0:20 left · 1.8× faster than real time (RTF 0.55) · …". */
export function overallText({ elapsed, remaining, rtf, ttfa }: Progress): string {
  const parts = [t('controls.elapsed', { time: clock(elapsed) })];
  if (typeof remaining === 'number') parts.push(t('controls.left', { time: clock(remaining) }));
  if (speed(rtf)) parts.push(speed(rtf));
  if (typeof ttfa === 'number') parts.push(t('controls.first_audio', { time: span(ttfa) }));
  return parts.join(' · ');
}
