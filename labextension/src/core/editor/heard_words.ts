/**
 * Words that were heard differently: underlined with dashes, with the heard words as their tooltip.
 *
 * A mark belongs to the text of its line: it is shown as long as the line reads as it was reviewed, wherever it is.
 */

import {
  EditorSelection,
  MapMode,
  StateEffect,
  StateField,
  type ChangeDesc,
  type EditorState,
  type Text,
} from '@codemirror/state';
import { Decoration, EditorView, WidgetType, type DecorationSet } from '@codemirror/view';

import type { ScriptPlace } from '../host/traits';
import { h } from '../ui/dom';
import { offsetOf } from './diagnostics';

export interface HeardWord {
  place: ScriptPlace;
  /** The difference in words. */
  text: string;
  certain: boolean;
}

/** Words from the kernel, positioned in the text `before`, which has changed by `moved` since. */
export const setHeardWords = StateEffect.define<{ words: readonly HeardWord[]; moved: ChangeDesc; before: Text }>();

/** Part of a mark in one line. */
interface Piece {
  /** Start of the line. */
  at: number;
  /** The line as it was reviewed. */
  line: string;
  from: number;
  to: number;
  text: string;
  certain: boolean;
}

interface Heard {
  pieces: readonly Piece[];
  marks: DecorationSet;
}

const field = StateField.define<Heard>({
  create: () => ({ pieces: [], marks: Decoration.none }),
  update(heard, transaction) {
    let { pieces } = heard;
    if (transaction.docChanged) pieces = follow(pieces, transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setHeardWords)) continue;
      const { words, before, moved } = effect.value;
      pieces = follow(
        words.flatMap((word) => piecesOf(word, before)),
        moved,
      );
    }
    return pieces === heard.pieces ? heard : { pieces, marks: draw(pieces, transaction.state.doc) };
  },
  provide: (heard) => EditorView.decorations.from(heard, ({ marks }) => marks),
});

export const heardWords = field;

function piecesOf({ place, text, certain }: HeardWord, before: Text): Piece[] {
  const pieces: Piece[] = [];
  for (let number = place.line; number <= Math.min(place.end_line, before.lines); number++) {
    const line = before.line(number);
    const from = number === place.line ? offsetOf(line.text, place.column) : line.text.search(/\S|$/);
    const to = number === place.end_line ? offsetOf(line.text, place.end_column) : line.text.trimEnd().length;
    if (to >= from) pieces.push({ at: line.from, line: line.text, from, to, text, certain });
  }
  return pieces;
}

function follow(pieces: readonly Piece[], changes: ChangeDesc): Piece[] {
  return pieces.flatMap((piece) => {
    const at = changes.mapPos(piece.at, 1, MapMode.TrackDel);
    return at === null ? [] : [{ ...piece, at }];
  });
}

function draw(pieces: readonly Piece[], doc: Text): DecorationSet {
  const ranges = pieces.flatMap(({ at, line, from, to, text, certain }) => {
    const now = doc.lineAt(Math.min(at, doc.length));
    if (now.from !== at || now.text !== line) return [];
    if (from === to) return [Decoration.widget({ widget: new Insertion(text, certain), side: -1 }).range(at + from)];
    const attributes = { title: text, 'data-certain': String(certain) };
    return [Decoration.mark({ class: 'cm-vvHeard', attributes }).range(at + from, at + to)];
  });
  return Decoration.set(ranges, true);
}

/** Mark between two words: something was heard there that the script does not have. */
class Insertion extends WidgetType {
  constructor(
    private readonly text: string,
    private readonly certain: boolean,
  ) {
    super();
  }
  override eq(other: Insertion): boolean {
    return this.text === other.text && this.certain === other.certain;
  }
  override toDOM(): HTMLElement {
    return h('span', { class: 'cm-vvInserted', title: this.text, 'data-certain': String(this.certain) });
  }
}

/** Select the next marked word after the caret, from the end the first one; false if there is none. */
export function selectNextHeard(view: EditorView): boolean {
  const places = placesIn(view.state);
  const { head } = view.state.selection.main;
  const next = places.find(({ from }) => from > head) ?? places[0];
  if (!next) return false;
  view.dispatch({ selection: EditorSelection.range(next.from, next.to), scrollIntoView: true });
  view.focus();
  return true;
}

/** Ranges of the marks that are shown, in order. */
export function placesIn(state: EditorState): { from: number; to: number; text: string }[] {
  const places: { from: number; to: number; text: string }[] = [];
  state.field(field).marks.between(0, state.doc.length, (from, to, { spec }) => {
    const { attributes, widget } = spec as { attributes?: { title: string }; widget?: { text: string } };
    places.push({ from, to, text: attributes?.title ?? widget?.text ?? '' });
  });
  return places;
}
