/** Blind comparison: which take is behind which letter. */

export type Letter = 'A' | 'B';

export interface Pairing {
  /** The take behind each letter. */
  readonly takes: Readonly<Record<Letter, string>>;
  readonly blind: boolean;
  readonly revealed: boolean;
}

/** Assign two takes to the letters; in a blind comparison, in random order. */
export function pair(first: string, second: string, blind: boolean, random: () => number = Math.random): Pairing {
  const swap = blind && random() < 0.5;
  return { takes: swap ? { A: second, B: first } : { A: first, B: second }, blind, revealed: !blind };
}

export const reveal = (pairing: Pairing): Pairing => ({ ...pairing, revealed: true });

/** Return a letter's label: the letter alone until the takes are revealed. */
export function label(pairing: Pairing, letter: Letter, nameOf: (letter: Letter, take: string) => string): string {
  return pairing.revealed ? nameOf(letter, pairing.takes[letter]) : letter;
}
