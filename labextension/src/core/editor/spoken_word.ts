/**
 * Highlight of the word being played, in the text of its turn.
 *
 * The audio may have been generated from an earlier text: a word that the script no longer has is not highlighted.
 */

import { StateEffect, StateField, type EditorState } from '@codemirror/state';
import { Decoration, EditorView, type DecorationSet } from '@codemirror/view';

import type { SpokenWord } from '../host/host';
import { sharedWords, wordsOf, type Word } from '../ui/words';
import { labelsField, speakerStyle } from './highlight';
import { isComment } from './labels';
import { setTurns, textOf, turnOf, type Extent } from './turns';

/** The word being played; null if none is. */
export const setSpokenWord = StateEffect.define<SpokenWord | null>();

interface Spoken {
  word: SpokenWord | null;
  alignment: Alignment | null;
  marks: DecorationSet;
}

export const spokenWord = StateField.define<Spoken>({
  create: () => ({ word: null, alignment: null, marks: Decoration.none }),
  update(spoken, transaction) {
    let { word } = spoken;
    for (const effect of transaction.effects) if (effect.is(setSpokenWord)) word = effect.value;
    const moved = transaction.docChanged || transaction.effects.some((effect) => effect.is(setTurns));
    if (word === spoken.word && !(moved && word)) return spoken;
    const { state } = transaction;
    const extent = word && textOf(state, word.turn);
    if (!word || !extent) return { word, alignment: null, marks: Decoration.none };
    const now = state.sliceDoc(extent.from, extent.to);
    const alignment = spoken.alignment?.is(word.text, now) ? spoken.alignment : new Alignment(word.text, now);
    const place = alignment.placeOf(word);
    const marks = place
      ? Decoration.set(markOf(state, word.turn).range(extent.from + place.from, extent.from + place.to))
      : Decoration.none;
    return { word, alignment, marks };
  },
  provide: (field) => EditorView.decorations.from(field, ({ marks }) => marks),
});

function markOf(state: EditorState, id: string): Decoration {
  const color = state.field(labelsField).get(turnOf(state, id)?.speaker ?? '')?.color ?? '';
  return Decoration.mark({ class: 'cm-vvSpoken', attributes: { style: speakerStyle(color) } });
}

/** Places of the words of one text in another one. */
class Alignment {
  private readonly before: readonly Word[];
  private readonly after: readonly Word[];
  private readonly twins: ReadonlyMap<number, number>;

  constructor(
    private readonly said: string,
    private readonly now: string,
  ) {
    this.before = wordsOf(said);
    this.after = wordsOf(withoutComments(now));
    this.twins = new Map(sharedWords(this.before, this.after));
  }

  is(said: string, now: string): boolean {
    return this.said === said && this.now === now;
  }

  /** Return the place of the range `[from, to)` of the first text; null if it was changed. Marks do not count. */
  placeOf({ from, to }: Extent): Extent | null {
    const inside = this.before.flatMap((word, at) => (word.from < to && word.to > from ? [at] : []));
    const letters = inside.filter((at) => /[\p{L}\p{N}]/u.test(this.before[at]!.text));
    const [first, last] = letters.length ? [letters[0]!, letters.at(-1)!] : [inside[0] ?? -1, inside.at(-1) ?? -1];
    const [start, stop] = [this.twins.get(first), this.twins.get(last)];
    if (start === undefined || stop === undefined || stop - start !== last - first) return null;
    return { from: this.after[start]!.from, to: this.after[stop]!.to };
  }
}

/** Replace comments between the lines of a turn by blanks. */
const withoutComments = (text: string): string =>
  text.replace(/(?<=\n).+/g, (line) => (isComment(line) ? ' '.repeat(line.length) : line));
