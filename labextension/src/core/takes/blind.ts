/** Which take hides behind which letter. */

export type Letter = 'A' | 'B';

export interface Pairing {
  /** The take behind each letter. */
  readonly takes: Readonly<Record<Letter, string>>;
  readonly blind: boolean;
  readonly revealed: boolean;
}

/** Two takes under two letters; blind, a coin decides which is which. */
export function pair(first: string, second: string, blind: boolean, coin: () => number = Math.random): Pairing {
  const swap = blind && coin() < 0.5;
  return { takes: swap ? { A: second, B: first } : { A: first, B: second }, blind, revealed: !blind };
}

export const reveal = (pairing: Pairing): Pairing => ({ ...pairing, revealed: true });

/** What a letter is called: nothing that tells which take it is before it may be known. */
export function title(pairing: Pairing, letter: Letter, nameOf: (take: string) => string): string {
  return pairing.revealed ? `${letter}: ${nameOf(pairing.takes[letter])}` : letter;
}
