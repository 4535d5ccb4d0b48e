/** Words that are read in another way: underlined with dots, with the reading as their tooltip. */

import { StateEffect, StateField, type ChangeDesc, type EditorState, type Text } from '@codemirror/state';
import { Decoration, EditorView, type DecorationSet } from '@codemirror/view';

import type { ReadWord } from '../host/traits';
import { t } from '../strings';
import { rangeOf } from './diagnostics';

/** Words from the kernel, positioned in the text `before`, which has changed by `moved` since. */
export const setReadWords = StateEffect.define<{ words: readonly ReadWord[]; moved: ChangeDesc; before: Text }>();

const field = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    let now = marks.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setReadWords)) continue;
      const { words, moved, before } = effect.value;
      const ranges = words.flatMap((word) => {
        const range = rangeOf(word, before, moved);
        return range && range.to > range.from ? [mark(word).range(range.from, range.to)] : [];
      });
      now = Decoration.set(ranges, true);
    }
    return now;
  },
  provide: (decorations) => EditorView.decorations.from(decorations),
});

export const readWords = field;

const mark = ({ word, reading }: ReadWord): Decoration =>
  Decoration.mark({
    class: 'cm-vvRead',
    attributes: { title: t('say.read_as', { reading }) },
    entry: word,
  });

/** A word or phrase in the text. */
export interface Phrase {
  text: string;
  from: number;
  to: number;
}

const LONGEST = 100; // of a word in the lexicon

/** The phrase to pronounce: the selection, or the word with a reading, or the word, at the caret; null if none. */
export function phraseAt(state: EditorState, from: number, to: number): Phrase | null {
  const { main } = state.selection;
  if (main.from < from || main.to > to) return null;
  if (!main.empty) {
    const text = state.sliceDoc(main.from, main.to);
    return text.includes('\n') || !/[\p{L}\p{N}]/u.test(text) || text.trim().length > LONGEST
      ? null
      : { text: text.trim(), from: main.from, to: main.to };
  }
  const known: Phrase[] = [];
  state.field(field).between(main.head, main.head, (start, end, value) => {
    known.push({ text: (value.spec as { entry: string }).entry, from: start, to: end });
  });
  if (known[0]) return known[0];
  const word = state.wordAt(main.head);
  return word && { text: state.sliceDoc(word.from, word.to), from: word.from, to: word.to };
}
