import { EditorSelection, EditorState, type TransactionSpec } from '@codemirror/state';
import { describe, expect, test } from 'vitest';

import { labelsField, setSpeakers } from '../../src/core/editor/highlight';
import {
  insertPause,
  mergeWithNext,
  move,
  moveBefore,
  placesIn,
  placesOf,
  remove,
  setSpeaker,
  splitAt,
} from '../../src/core/editor/turn_edits';
import { setTurns, turnsField } from '../../src/core/editor/turns';
import type { TurnState } from '../../src/core/host/traits';

const SCRIPT = 'Anna: One.\nBen: Two,\nand more.\n\nAnna: Three.';
const LINES = [
  [1, 1, 'Anna'],
  [2, 3, 'Ben'],
  [5, 5, 'Anna'],
] as const;

function state(doc = SCRIPT, lines: readonly (readonly [number, number, string])[] = LINES): EditorState {
  const turns = lines.map(([line, end_line, speaker], at) => ({ id: `t${at + 1}`, line, end_line, speaker }));
  const empty = EditorState.create({ doc, extensions: [labelsField, turnsField] });
  const moved = empty.changes([]).desc;
  return empty.update({
    effects: [
      setSpeakers.of(
        ['Anna', 'Ben'].map((label) => ({ label, color: '#000000', voice: null, default_voice: '', gain: 0, pace: 1 })),
      ),
      setTurns.of({ heard: new Map(), turns: turns as unknown as TurnState[], moved, before: empty.doc }),
    ],
  }).state;
}

const after = (from: EditorState, change: TransactionSpec | null): string | null =>
  change && from.update(change).state.doc.toString();

describe('edits of turns', () => {
  test('find the turns that a selection touches', () => {
    const script = state();
    expect(placesOf(script).map(({ ids, from, to, next }) => [...ids, from, to, next])).toEqual([
      ['t1', 0, 10, 11],
      ['t2', 11, 30, 32],
      ['t3', 32, 44, 44],
    ]);
    expect(placesIn(script, 5, 15).flatMap(({ ids }) => ids)).toEqual(['t1', 't2']);
    expect(placesIn(script, 44, 44).flatMap(({ ids }) => ids)).toEqual(['t3']);
  });

  test('move a turn with all its lines; moving it back restores the script', () => {
    const script = state();
    const [first, second, third] = placesOf(script);
    expect(after(script, move(script, [second!], -1))).toBe('Ben: Two,\nand more.\n\nAnna: One.\nAnna: Three.');
    expect(after(script, move(script, [first!], 1))).toBe('Ben: Two,\nand more.\n\nAnna: One.\nAnna: Three.');
    expect(after(script, move(script, [second!], 1))).toBe('Anna: One.\nAnna: Three.\nBen: Two,\nand more.\n');
    expect(after(script, move(script, [first!, second!], 1))).toBe('Anna: Three.\nAnna: One.\nBen: Two,\nand more.\n');
    expect(move(script, [first!], -1)).toBeNull();
    expect(move(script, [third!], 1)).toBeNull();
  });

  test('move turns to any place', () => {
    const script = state();
    const [first, second, third] = placesOf(script);
    expect(after(script, moveBefore(script, [third!], 0))).toBe('Anna: Three.\nAnna: One.\nBen: Two,\nand more.\n');
    expect(after(script, moveBefore(script, [first!], 3))).toBe('Ben: Two,\nand more.\n\nAnna: Three.\nAnna: One.');
    for (const target of [-1, 1, 2, 3, 4]) expect(moveBefore(script, [second!, third!], target)).toBeNull();
    const moved = script.update(moveBefore(script, [first!], 2)!);
    expect(moved.state.doc.toString()).toBe(after(script, move(script, [first!], 1)));
  });

  test('keep the caret in the turn that moves', () => {
    const script = state().update({ selection: EditorSelection.cursor(17) }).state;
    const up = script.update(move(script, [placesOf(script)[1]!], -1)!).state;
    expect(up.doc.sliceString(up.selection.main.head, up.selection.main.head + 3)).toBe('wo,');
    const down = script.update(move(script, [placesOf(script)[1]!], 1)!).state;
    expect(down.doc.sliceString(down.selection.main.head, down.selection.main.head + 3)).toBe('wo,');
  });

  test('merge, split, delete, pause and change the speaker', () => {
    const script = state();
    const [first, second] = placesOf(script);
    expect(after(script, mergeWithNext(script, first!))).toBe('Anna: One. Two,\nand more.\n\nAnna: Three.');
    expect(after(script, splitAt(script, second!, 20))).toBe('Anna: One.\nBen: Two,\nBen: and more.\n\nAnna: Three.');
    for (const nowhere of [11, 14, 30]) expect(splitAt(script, second!, nowhere)).toBeNull();
    expect(after(script, remove([first!, second!]))).toBe('Anna: Three.');
    expect(after(script, insertPause(first!))).toBe('Anna: One. [pause:500]\nBen: Two,\nand more.\n\nAnna: Three.');
    expect(after(script, setSpeaker(script, [first!, second!], 'Carla'))).toBe(
      'Carla: One.\nCarla: Two,\nand more.\n\nAnna: Three.',
    );
  });

  test('keep the turns of one line together', () => {
    const script = state('Ben: First.\nAnna: Hello. [pause:500] How are you?\nBen: Well.', [
      [1, 1, 'Ben'],
      [2, 2, 'Anna'],
      [2, 2, 'Anna'],
      [3, 3, 'Ben'],
    ]);
    const [first, both, last] = placesOf(script);
    expect(both!.ids).toEqual(['t2', 't3']);
    expect(after(script, move(script, [first!], 1))).toBe(
      'Anna: Hello. [pause:500] How are you?\nBen: First.\nBen: Well.',
    );
    expect(after(script, move(script, [last!], -1))).toBe(
      'Ben: First.\nBen: Well.\nAnna: Hello. [pause:500] How are you?',
    );
  });

  test('do not merge over a comment', () => {
    const script = state('Anna: One.\n# a note\nBen: Two.', [
      [1, 1, 'Anna'],
      [3, 3, 'Ben'],
    ]);
    expect(mergeWithNext(script, placesOf(script)[0]!)).toBeNull();
  });

  test('leave a turn without a label of its own to its speaker', () => {
    const script = state('Just text.\nAnna: One.', [
      [1, 1, 'Speaker 1'],
      [2, 2, 'Anna'],
    ]);
    const [first] = placesOf(script);
    expect(after(script, setSpeaker(script, [first!], 'Ben'))).toBe('Just text.\nAnna: One.');
  });
});
