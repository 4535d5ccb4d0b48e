/** Highlighting of labels, pauses and comments in the visible text. */

import { RangeSetBuilder, StateEffect, StateField } from '@codemirror/state';
import { Decoration, ViewPlugin, type DecorationSet, type EditorView, type ViewUpdate } from '@codemirror/view';

import type { Speaker } from '../host/traits';
import { Labels } from './labels';

export const setSpeakers = StateEffect.define<readonly Speaker[]>();

export const labelsField = StateField.define<Labels>({
  create: () => new Labels([]),
  update(labels, transaction) {
    for (const effect of transaction.effects) if (effect.is(setSpeakers)) labels = new Labels(effect.value);
    return labels;
  },
});

const PAUSE = Decoration.mark({ class: 'cm-vvPause' });
const COMMENT = Decoration.mark({ class: 'cm-vvComment' });
const labelMarks = new Map<string, Decoration>();

function labelMark(color: string): Decoration {
  let mark = labelMarks.get(color);
  if (!mark) {
    mark = Decoration.mark({ class: 'cm-vvLabel', attributes: { style: speakerStyle(color) } });
    labelMarks.set(color, mark);
  }
  return mark;
}

/** Return a style that sets the speaker's color; values from the kernel that are not colors are ignored. */
export function speakerStyle(color: string): string {
  return /^#[0-9a-f]{3,8}$/i.test(color) ? `--speaker: ${color}` : '';
}

function decorate(view: EditorView): DecorationSet {
  const builder = new RangeSetBuilder<Decoration>();
  const labels = view.state.field(labelsField);
  for (const { from, to } of view.visibleRanges) {
    for (let at = from; at <= to;) {
      const line = view.state.doc.lineAt(at);
      for (const token of labels.tokens(line.text)) {
        if (token.from === token.to) continue;
        const mark =
          token.kind === 'pause' ? PAUSE : token.kind === 'comment' ? COMMENT : labelMark(token.speaker!.color);
        builder.add(line.from + token.from, line.from + token.to, mark);
      }
      at = line.to + 1;
    }
  }
  return builder.finish();
}

export const highlight = [
  labelsField,
  ViewPlugin.fromClass(
    class {
      decorations: DecorationSet;
      constructor(view: EditorView) {
        this.decorations = decorate(view);
      }
      update(update: ViewUpdate): void {
        const recolored = update.startState.field(labelsField) !== update.state.field(labelsField);
        if (update.docChanged || update.viewportChanged || recolored) this.decorations = decorate(update.view);
      }
    },
    { decorations: (plugin) => plugin.decorations },
  ),
];
