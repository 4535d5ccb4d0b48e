/** An audio source and its turns: lookups by sample. */

import { SAMPLE_RATE } from '../audio/resample';
import type { SpokenWord } from '../host/host';
import type { TakeSummary, TakeTurn } from '../host/traits';
import { t } from '../strings';

const EPISODE = 'episode';

/** The summary in the `take` trait or in a reply to `describe`; null if it is empty. */
export function summaryOf(value: unknown): TakeSummary | null {
  const summary = value as Partial<TakeSummary> | null | undefined;
  if (!summary?.source || typeof summary.samples !== 'number') return null;
  const { source, samples, name = source, sample_rate = SAMPLE_RATE, revision = 0, turns = [] } = summary;
  return { source, name, samples, sample_rate, revision, turns };
}

/** The turn at a sample; null between turns. */
export function turnAt(turns: readonly TakeTurn[], sample: number): TakeTurn | null {
  const last = lastBefore(turns, sample);
  return last && sample < last.stop ? last : null;
}

/** The last turn that starts at or before a sample. */
export function lastBefore<Item extends { start: number }>(turns: readonly Item[], sample: number): Item | null {
  return turns[startedBy(sample, turns.length, (at) => turns[at]!.start) - 1] ?? null;
}

/** Number of items that start at or before a sample. */
function startedBy(sample: number, count: number, startOf: (index: number) => number): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (startOf(middle) <= sample) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Numbers of a word in `TakeTurn.words`: range of the text, start and end in samples. */
const NUMBERS = 4;

/** The words of a turn in its text, each with its first sample. */
export function timedWords({ words }: TakeTurn): { from: number; to: number; start: number }[] {
  return Array.from({ length: Math.floor(words.length / NUMBERS) }, (_, at) => {
    const [from, to, start] = words.slice(at * NUMBERS, (at + 1) * NUMBERS) as [number, number, number, number];
    return { from, to, start };
  });
}

/** Index of the last word of a turn that starts at or before a sample; -1 before the first one. */
export const wordAt = ({ words }: TakeTurn, sample: number): number =>
  startedBy(sample, Math.floor(words.length / NUMBERS), (at) => words[at * NUMBERS + 2]!) - 1;

/** A word of a turn by its index; null if there is none. */
export function spokenWord({ turn, text, words }: TakeTurn, index: number): SpokenWord | null {
  const [from, to] = words.slice(index * NUMBERS, index * NUMBERS + 2);
  return index < 0 || from === undefined || to === undefined ? null : { turn, text, from, to };
}

/** The episode at a loudness has a source of its own: `episode:-16`. */
export const atLoudness = (source: string, target: number | null): string =>
  source === EPISODE && target !== null ? `${EPISODE}:${target}` : source;

/** A source without its loudness: the same audio but for the level. */
export const baseOf = (source: string): string => (source.startsWith(`${EPISODE}:`) ? EPISODE : source);

/**
 * Map a sample to another take: the same place in the same turn. With `scaled`, both turns are complete, and one may be
 * faster than the other.
 */
export function mapped(sample: number, from: readonly TakeTurn[], to: readonly TakeTurn[], scaled = false): number {
  const turn = lastBefore(from, sample);
  const twin = turn && to.find((other) => other.turn === turn.turn);
  if (!twin) return sample;
  const length = turn.stop - turn.start;
  const scale = scaled && length > 0 ? (twin.stop - twin.start) / length : 1;
  const place = twin.start + Math.round((sample - turn.start) * scale);
  return Math.min(place, Math.max(twin.start, twin.stop - 1));
}

/** A position for screen readers: "1 minute 3 seconds, Anna: Good morning." */
export function spoken(sample: number, turns: readonly TakeTurn[]): string {
  const total = Math.floor(sample / SAMPLE_RATE);
  const minutes = Math.floor(total / 60);
  const parts = [
    { key: 'player.hours', count: Math.floor(minutes / 60) },
    { key: 'player.minutes', count: minutes % 60 },
    { key: 'player.seconds', count: total % 60 },
  ] as const;
  const shown = parts.filter(({ key, count }) => count > 0 || (key === 'player.seconds' && total === 0));
  const time = shown.map(({ key, count }) => t(key, { count })).join(' ');
  const turn = turnAt(turns, sample);
  return turn ? t('player.position_in_turn', { time, speaker: turn.label, text: turn.text }) : time;
}
