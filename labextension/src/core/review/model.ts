/** Reviews of takes: their turns, and descriptions of their differences. */

import type { Host } from '../host/host';
import type { DifferenceKind, ReviewDifference, TakeReview, TurnState } from '../host/traits';
import { turnsOf } from '../host/turns';
import { t, type TextKey } from '../strings';
import { span } from '../ui/format';

/** Number of new takes of a turn, at most, to get its words right. */
export const ATTEMPTS = 3;

/** Return true in a widget that reviews takes, unless that is switched off. */
export const listens = (host: Host): boolean => (host.get('listen_back') ?? 'off') !== 'off';

/** Reason why the recognizer cannot listen yet; empty if it can. */
export function unready(host: Host): string {
  const state = host.get('review_state')?.state;
  return state === 'missing' || state === 'download' ? t('review.set_up_hint') : '';
}

export const reviewOfTake = (host: Host, take: string): TakeReview | null =>
  (listens(host) && host.get('reviews')?.[take]) || null;

/** The review of a turn's chosen take, if it is of the words that the turn has now. */
export function reviewOf(host: Host, turn: TurnState): TakeReview | null {
  const take = host.get('takes')?.[turn.chosen ?? ''];
  return take && !take.earlier ? reviewOfTake(host, take.id) : null;
}

/** Turns whose words were certainly heard differently. */
export const differing = (host: Host): TurnState[] => turnsOf(host).filter((turn) => reviewOf(host, turn)?.flagged);

/** Turns with a review. */
export const reviewed = (host: Host): TurnState[] => turnsOf(host).filter((turn) => reviewOf(host, turn));

/** Chosen takes, of the words that the turns have now, without a review. */
export const unreviewed = (host: Host): string[] =>
  turnsOf(host).flatMap((turn) => {
    const take = host.get('takes')?.[turn.chosen ?? ''];
    return take && !take.earlier && !reviewOf(host, turn) ? [take.id] : [];
  });

const KINDS = {
  missing: 'review.kind_missing',
  different: 'review.kind_different',
  extra: 'review.kind_extra',
  repeated: 'review.kind_repeated',
  'cut off': 'review.kind_cut_off',
  silence: 'review.kind_silence',
  sound: 'review.kind_sound',
} as const satisfies Record<DifferenceKind, TextKey>;

/** Longest text of a difference that is shown. */
const LONGEST = 80;
const short = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);

export function describe({ kind, said, heard, certain, start, end }: ReviewDifference): string {
  const text = t(KINDS[kind], { said: short(said), heard: short(heard), length: span(end - start) });
  return certain ? text : t('review.uncertain', { text });
}

/** The differences of a turn in one line: "2 differences: …"; empty if there is none. */
export function summary(differences: readonly ReviewDifference[]): string {
  if (!differences.length) return '';
  return t('review.list', {
    count: t('review.count', { count: differences.length }),
    list: differences.map(describe).join('; '),
  });
}
