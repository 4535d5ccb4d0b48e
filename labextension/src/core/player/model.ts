/** What is played: a source with its turns. */

import { SAMPLE_RATE } from '../audio/resample';
import type { TakeSummary, TakeTurn } from '../host/traits';

/** The `take` trait, or what `describe` answers; null when it is empty. */
export function summaryOf(value: unknown): TakeSummary | null {
  const summary = value as Partial<TakeSummary> | null | undefined;
  if (!summary?.source || typeof summary.samples !== 'number') return null;
  const { source, samples, name = source, sample_rate = SAMPLE_RATE, revision = 0, turns = [] } = summary;
  return { source, name, samples, sample_rate, revision, turns };
}

/** The turn that is heard at a sample; between two of them, none. */
export function turnAt(turns: readonly TakeTurn[], sample: number): TakeTurn | null {
  const last = lastBefore(turns, sample);
  return last && sample < last.stop ? last : null;
}

/** The last turn that has begun by a sample. */
export function lastBefore(turns: readonly TakeTurn[], sample: number): TakeTurn | null {
  let [low, high] = [0, turns.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (turns[middle]!.start <= sample) low = middle + 1;
    else high = middle;
  }
  return turns[low - 1] ?? null;
}

/** Where the same words are in another rendering: the same place in the same turn. */
export function mapped(sample: number, from: readonly TakeTurn[], to: readonly TakeTurn[]): number {
  const turn = lastBefore(from, sample);
  const twin = turn && to.find((other) => other.turn === turn.turn);
  return twin ? Math.min(twin.start + sample - turn.start, Math.max(twin.start, twin.stop - 1)) : sample;
}

/** "1 minute 3 seconds, Anna: Good morning." */
export function spoken(sample: number, turns: readonly TakeTurn[]): string {
  const total = Math.floor(sample / SAMPLE_RATE);
  const minutes = Math.floor(total / 60);
  const units = [
    [Math.floor(minutes / 60), 'hour'],
    [minutes % 60, 'minute'],
    [total % 60, 'second'],
  ] as const;
  const parts = units
    .filter(([count, unit]) => count > 0 || (unit === 'second' && total === 0))
    .map(([count, unit]) => `${count} ${unit}${count === 1 ? '' : 's'}`);
  const turn = turnAt(turns, sample);
  return turn ? `${parts.join(' ')}, ${turn.label}: ${turn.text}` : parts.join(' ');
}
