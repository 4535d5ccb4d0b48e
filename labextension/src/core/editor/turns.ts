/** Turns in the editor: their positions, a gutter with their states, and a highlight of the current turn. */

import {
  MapMode,
  RangeSet,
  StateEffect,
  StateField,
  type ChangeDesc,
  type EditorState,
  type Text,
} from '@codemirror/state';
import { Decoration, EditorView, GutterMarker, gutter, type DecorationSet } from '@codemirror/view';

import { h, svg } from '../ui/dom';
import { clock, span } from '../ui/format';
import {
  isGenerated,
  secondsOf,
  displayState,
  type DisplayState,
  type ReviewDifference,
  type TurnState,
} from '../host/traits';
import { t } from '../strings';
import { summary } from '../review/model';
import { stateText } from '../takes/state_text';
import { icon } from '../ui/icons';
import { offsetOf } from './diagnostics';
import { labelsField, speakerStyle } from './highlight';

// SVG paths on a 16 x 16 grid; states differ in shape as well as in color.
const SHAPES: Record<DisplayState, string> = {
  unspoken: 'M8 4a4 4 0 1 0 0 8a4 4 0 1 0 0 -8',
  queued: 'M3.5 8v.01M8 8v.01M12.5 8v.01',
  speaking: 'M3 6.5v3M6.3 4v8M9.7 2.5v11M13 6v4',
  spoken: 'M3 8.5l3.5 3.5L13 4.5',
  changed: 'M3 13l.7-3L10.5 3.2l2.3 2.3L6 12.3zM9 4.7l2.3 2.3',
  partial: 'M4.5 4.5h7v7h-7z',
  context: 'M12.5 6.5A5 5 0 1 0 13 9M13 3v3.5H9.5',
  unspeakable: 'M8 2.8a5.2 5.2 0 1 0 0 10.4a5.2 5.2 0 1 0 0 -10.4M4.4 11.6L11.6 4.4',
};

// A line with several turns shows the most urgent state.
const URGENCY: DisplayState[] = [
  'speaking',
  'queued',
  'changed',
  'unspeakable',
  'partial',
  'context',
  'unspoken',
  'spoken',
];

interface Placed {
  at: number;
  turns: readonly TurnState[];
}

/** Range of the document. */
export interface Extent {
  from: number;
  to: number;
}

/** Differences of the chosen take of a turn, by its id. */
export type HeardIn = ReadonlyMap<string, readonly ReviewDifference[]>;

interface Turns {
  all: readonly TurnState[];
  heard: HeardIn;
  lines: readonly Placed[];
  /** Range of the words of each turn. */
  texts: ReadonlyMap<string, Extent>;
  markers: RangeSet<GutterMarker>;
}

/** New turns from the kernel, positioned in the text `before`, which has changed by `moved` since. */
export const setTurns = StateEffect.define<{
  turns: readonly TurnState[];
  heard: HeardIn;
  moved: ChangeDesc;
  before: Text;
}>();
export const setCurrentTurn = StateEffect.define<string | null>();

/** Describe a turn, for tooltips and screen readers. */
export function describe(turn: TurnState, heard: readonly ReviewDifference[] = []): string {
  return [stateOf(turn), summary(heard)].filter(Boolean).join('\n');
}

function stateOf(turn: TurnState): string {
  const { speaker } = turn;
  const state = stateText(turn);
  if (turn.state === 'unspeakable') return t('editor.skipped_turn', { speaker, reason: turn.reason || state });
  const length = isGenerated(turn) ? span(turn.seconds!) : t('editor.about', { length: span(turn.estimated) });
  return t('editor.turn', { speaker, state, length });
}

/** Duration, short enough for the gutter. */
const shortSpan = (seconds: number): string =>
  seconds < 59.95 ? t('common.seconds', { value: seconds.toFixed(1) }) : clock(seconds);

class TurnMarker extends GutterMarker {
  private readonly key: string;
  constructor(
    private readonly turns: readonly TurnState[],
    private readonly color: string,
    private readonly heard: readonly (readonly ReviewDifference[])[] = [],
  ) {
    super();
    this.key = JSON.stringify([turns, color, heard]);
  }
  override eq(other: TurnMarker): boolean {
    return this.key === other.key;
  }
  override toDOM(): Node {
    const state =
      URGENCY.find((candidate) => this.turns.some((turn) => displayState(turn) === candidate)) ?? 'unspoken';
    const total = this.turns.reduce((sum, turn) => sum + (isGenerated(turn) ? turn.seconds! : secondsOf(turn)), 0);
    const known = this.turns.every(isGenerated);
    const differences = this.heard.flat();
    const certain = differences.some((one) => one.certain);
    return h(
      'div',
      {
        class: 'cm-vvTurn',
        'data-state': state,
        style: speakerStyle(this.color),
        title: this.turns.map((turn, at) => describe(turn, this.heard[at])).join('\n'),
      },
      svg('svg', { viewBox: '0 0 16 16', width: 14, height: 14 }, svg('path', { d: SHAPES[state] })),
      h(
        'span',
        { class: 'cm-vvSeconds' },
        state === 'unspeakable' ? t('takes.state_unspeakable') : `${known ? '' : '~'}${shortSpan(total)}`,
      ),
      differences.length > 0 && h('span', { class: 'cm-vvDiffers', 'data-certain': String(certain) }, icon('differs')),
    );
  }
}

function place(turns: readonly TurnState[], text: Text, moved: ChangeDesc): Placed[] {
  const lines: Placed[] = [];
  for (const turn of turns) {
    if (turn.line > text.lines) continue;
    const at = text.line(turn.line).from;
    const last = lines.at(-1);
    if (last?.at === at) lines[lines.length - 1] = { at, turns: [...last.turns, turn] };
    else lines.push({ at, turns: [turn] });
  }
  return follow(lines, moved);
}

function follow(lines: readonly Placed[], changes: ChangeDesc): Placed[] {
  return lines.flatMap(({ at, turns }) => {
    const to = changes.mapPos(at, 1, MapMode.TrackDel);
    return to === null ? [] : [{ at: to, turns }];
  });
}

function textsOf(turns: readonly TurnState[], text: Text, moved: ChangeDesc): ReadonlyMap<string, Extent> {
  const position = (number: number, column: number): number => {
    const line = text.line(Math.min(number, text.lines));
    return line.from + offsetOf(line.text, column);
  };
  const texts = turns.map((turn) => {
    const from = position(turn.line, turn.text_column);
    return [turn.id, { from, to: Math.max(from, position(turn.end_line, turn.end_column)) }] as const;
  });
  return followTexts(new Map(texts), moved);
}

/** Map the ranges of words: text inserted at either end belongs to them. */
const followTexts = (texts: ReadonlyMap<string, Extent>, changes: ChangeDesc): ReadonlyMap<string, Extent> =>
  new Map([...texts].map(([id, { from, to }]) => [id, { from: changes.mapPos(from, -1), to: changes.mapPos(to, 1) }]));

function draw({ all, heard, lines, texts }: Omit<Turns, 'markers'>, state: EditorState): Turns {
  const labels = state.field(labelsField);
  const markers = lines.map(({ at, turns }) => {
    const color = labels.get(turns[0]!.speaker)?.color ?? '';
    const differences = turns.map(({ id }) => heard.get(id) ?? []);
    return new TurnMarker(turns, color, differences).range(state.doc.lineAt(at).from);
  });
  return { all, heard, lines, texts, markers: RangeSet.of(markers, true) };
}

export const turnsField = StateField.define<Turns>({
  create: () => ({
    all: [],
    heard: new Map(),
    lines: [],
    texts: new Map(),
    markers: RangeSet.empty as RangeSet<GutterMarker>,
  }),
  update(turns, transaction) {
    let { all, heard, lines, texts } = turns;
    if (transaction.docChanged) {
      lines = follow(lines, transaction.changes);
      texts = followTexts(texts, transaction.changes);
    }
    for (const effect of transaction.effects) {
      if (!effect.is(setTurns)) continue;
      ({ turns: all, heard } = effect.value);
      lines = place(all, effect.value.before, effect.value.moved);
      texts = textsOf(all, effect.value.before, effect.value.moved);
    }
    const recolored = transaction.startState.field(labelsField) !== transaction.state.field(labelsField);
    return lines === turns.lines && !recolored ? turns : draw({ all, heard, lines, texts }, transaction.state);
  },
});

/** Return the turn at a position; of several on a line, the preferred one if it is there, else the first. */
export function turnAt(state: EditorState, position: number, preferred?: string | null): TurnState | undefined {
  const line = state.doc.lineAt(position);
  let found: Placed | undefined;
  for (const placed of state.field(turnsField).lines) {
    if (placed.at > line.to) break;
    found = placed;
  }
  return found?.turns.find(({ id }) => id === preferred) ?? found?.turns[0];
}

/** Return the differences of the chosen take of a turn. */
export const heardIn = (state: EditorState, id: string): readonly ReviewDifference[] =>
  state.field(turnsField).heard.get(id) ?? [];

/** Return the turn of an id. */
export const turnOf = (state: EditorState, id: string): TurnState | undefined =>
  state.field(turnsField).all.find((turn) => turn.id === id);

/** Return the range of a turn's words, without its label. */
export const textOf = (state: EditorState, id: string): Extent | undefined => state.field(turnsField).texts.get(id);

/** Return the range of a turn's lines. */
export function extentOf(state: EditorState, id: string): Extent | null {
  for (const { at, turns } of state.field(turnsField).lines) {
    const turn = turns.find((one) => one.id === id);
    if (!turn) continue;
    const first = state.doc.lineAt(at);
    const last = Math.min(state.doc.lines, first.number + turn.end_line - turn.line);
    return { from: first.from, to: state.doc.line(last).to };
  }
  return null;
}

const CURRENT = Decoration.line({ class: 'cm-vvCurrent' });

const currentTurnField = StateField.define<{ turn: string | null; lines: DecorationSet }>({
  create: () => ({ turn: null, lines: Decoration.none }),
  update(current, transaction) {
    let { turn } = current;
    for (const effect of transaction.effects) if (effect.is(setCurrentTurn)) turn = effect.value;
    const moved = transaction.docChanged || transaction.effects.some((effect) => effect.is(setTurns));
    if (turn === current.turn && !(moved && turn)) return current;
    const extent = turn === null ? null : extentOf(transaction.state, turn);
    if (!extent) return { turn, lines: Decoration.none };
    const { doc } = transaction.state;
    const lines = [];
    for (let number = doc.lineAt(extent.from).number; number <= doc.lineAt(extent.to).number; number++) {
      lines.push(CURRENT.range(doc.line(number).from));
    }
    return { turn, lines: Decoration.set(lines) };
  },
  provide: (field) => EditorView.decorations.from(field, (current) => current.lines),
});

const placedIn = (state: EditorState, { from, to }: { from: number; to: number }): Placed | undefined =>
  state.field(turnsField).lines.find(({ at }) => at >= from && at <= to);

/** Gutter with the state and duration of each turn; a click on a generated turn plays from there. */
export function turnGutter(onPlay: (turn: TurnState) => void, onGrab: (at: number, event: PointerEvent) => void) {
  const sample = { speaker: '', state: 'unspoken', estimated: 60 } as TurnState;
  return [
    turnsField,
    currentTurnField,
    gutter({
      class: 'cm-vvTurns',
      markers: (view) => view.state.field(turnsField).markers,
      initialSpacer: () => new TurnMarker([{ ...sample, seconds: 60 }], ''),
      domEventHandlers: {
        pointerdown(view, block, event) {
          const placed = placedIn(view.state, block);
          if (placed) onGrab(placed.at, event as PointerEvent);
          return false;
        },
        click(view, block) {
          const turn = placedIn(view.state, block)?.turns[0];
          if (!turn || turn.seconds === null) return false;
          onPlay(turn);
          return true;
        },
      },
    }),
  ];
}
