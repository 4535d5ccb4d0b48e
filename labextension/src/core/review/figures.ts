/** Figures of a review beside the words, as text: pace and loudness. */

import type { TakeReview } from '../host/traits';
import { t } from '../strings';

/** Loudness of exports until another is chosen, in LUFS. */
export const EXPORT_LOUDNESS = -16;

/** Percent from which a pace differs audibly from the usual one. */
const AUDIBLE = 5;

/** Words per minute, and how much faster or slower than usual for the speaker; null if it is not known. */
export function paceText({ words_per_minute, relative_pace }: TakeReview): string | null {
  if (words_per_minute === null) return null;
  const rate = Math.round(words_per_minute);
  const percent = Math.round(100 * ((relative_pace ?? 1) - 1));
  if (percent >= AUDIBLE) return t('review.pace_faster', { rate, percent });
  if (percent <= -AUDIBLE) return t('review.pace_slower', { rate, percent: -percent });
  return t('review.pace_rate', { rate });
}

/** Loudness in LUFS, beside that of exports if they have a fixed one; null if it is not known. */
export function loudnessText({ loudness }: TakeReview, target: number | null): string | null {
  if (loudness === null) return null;
  const level = loudness.toFixed(1);
  return target === null ? t('review.lufs', { level }) : t('review.lufs_beside_export', { level, target });
}
