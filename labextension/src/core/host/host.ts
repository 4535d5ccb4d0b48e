/** Interface between a component and its surroundings: traits, a channel to the kernel, and a bus to its siblings. */

import type { Channel } from './channel';
import type { TraitName, Traits } from './traits';

/** Traits shared with the kernel, and a channel to it (an anywidget model, a document, or a test's fake). */
export interface Host {
  get<K extends TraitName>(name: K): Traits[K];
  /** Set a trait here and send it to the kernel. */
  set<K extends TraitName>(name: K, value: Traits[K]): void;
  /** Call back whenever a trait changes, here or in the kernel; return a function that stops it. */
  on(name: TraitName, callback: () => void): () => void;
  readonly channel: Channel;
  /** Advice for when the kernel is lost, if it is not to run the cell again. */
  readonly whenLost?: string;
}

/** Commands; `regenerate` applies to the turn at the cursor. */
export type Action = 'generate' | 'stop' | 'play' | 'regenerate';

/** Place where a turn was selected. `state`: the script or its turns changed under the caret. */
export type SelectedIn = 'script' | 'player' | 'state';

/** A word of a turn: the range `[from, to)` of the text of which its audio was generated. */
export interface SpokenWord {
  turn: string;
  text: string;
  from: number;
  to: number;
}

export interface BusEvents {
  /** The selected turn: the one at the caret, or the one the user went to in the player. */
  select: { turn: string | null; in: SelectedIn };
  /** The turn being played, or null; the editor highlights its lines. */
  currentTurn: { turn: string | null };
  /** The word being played, or null; the editor highlights it. */
  currentWord: { word: SpokenWord | null };
  /** Play from the beginning of a turn. */
  seek: { turn: string };
  /** Play another source in between, from a time in seconds. */
  audition: { source: string; autoplay: boolean; at?: number };
  /** Play the episode at a loudness, in LUFS; null plays it as it is. */
  loudness: { target: number | null };
  /** The loudness that exports will have, in LUFS, was chosen; null leaves it as it is. */
  exportLoudness: { target: number | null };
  /** A command from the keyboard or a menu. */
  act: { action: Action };
  /** Generate new takes of turns. */
  regenerate: { turns: readonly string[]; takes: number };
  /** Generate new takes of turns until their words are right, at most `takes` of each. */
  fix: { turns: readonly string[]; takes: number };
  /** Generate new takes of turns and keep the best one. */
  bestOf: { turns: readonly string[]; takes: number };
  /** Show the settings of listening back. */
  setUpReview: object;
  /** Bring the actions for a project that cannot be saved into view. */
  unsaved: object;
  /** Send pending edits now. */
  flush: object;
}

/** Events between the components of one widget. */
export class Bus {
  private readonly target = new EventTarget();

  emit<K extends keyof BusEvents>(name: K, detail: BusEvents[K]): void {
    this.target.dispatchEvent(new CustomEvent(name, { detail }));
  }

  on<K extends keyof BusEvents>(name: K, callback: (detail: BusEvents[K]) => void): () => void {
    const listener = (event: Event): void => callback((event as CustomEvent<BusEvents[K]>).detail);
    this.target.addEventListener(name, listener);
    return () => this.target.removeEventListener(name, listener);
  }
}
