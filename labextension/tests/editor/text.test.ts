import { EditorState, Text, ChangeSet, type TransactionSpec } from '@codemirror/state';
import type { EditorView } from '@codemirror/view';
import { describe, expect, test } from 'vitest';

import comments from '../../../tests/data/comment_examples.json';
import { offsetOf, toDiagnostics } from '../../src/core/editor/diagnostics';
import type { ScriptDiagnostic } from '../../src/core/host/traits';
import { changeBetween } from '../../src/core/editor/diff';
import { Labels, nameKey } from '../../src/core/editor/labels';
import { cleanPaste } from '../../src/core/editor/paste';

const speaker = (label: string) => ({ label, color: '#0072b2', voice: null, default_voice: '', gain: 0, pace: 1 });
const labels = new Labels(['Anna', 'Dr. O’Neil', 'Speaker 2'].map(speaker));

describe('the difference between two texts', () => {
  // A generator with a fixed seed: the same texts on every run.
  let state = 7;
  const random = (below: number): number => (state = (state * 48271) % 2147483647) % below;
  const word = (): string => Array.from({ length: random(9) }, () => ['a', 'b', '\n', '😀', '😁'][random(5)]).join('');

  test('turns one into the other and splits no character', () => {
    for (let round = 0; round < 400; round++) {
      const [head, tail] = [word(), word()];
      const before = head + word() + tail;
      const after = head + word() + tail;
      const change = changeBetween(before, after);
      expect(change.apply(Text.of(before.split('\n'))).toString()).toBe(after);
      change.iterChanges((from, to, _a, _b, inserted) => {
        expect(before.slice(from, to)).not.toMatch(/\p{Surrogate}/u);
        expect(inserted.toString()).not.toMatch(/\p{Surrogate}/u);
      });
    }
  });

  test('is empty for equal texts, and minimal', () => {
    expect(changeBetween('abc', 'abc').empty).toBe(true);
    const change = changeBetween('Anna: Hello.\nBen: Hi.', 'Anna: Hello!\nBen: Hi.');
    change.iterChanges((from, to) => expect([from, to]).toEqual([11, 12]));
  });
});

describe('labels', () => {
  const kinds = (line: string) => labels.tokens(line).map(({ kind, from, to }) => [kind, line.slice(from, to)]);

  test.each([
    ['Anna: Hello.', [['label', 'Anna:']]],
    ['  ANNA : Hello.', [['label', 'ANNA :']]],
    ['**Anna:** Hello.', [['label', '**Anna:']]],
    ["Dr. O'Neil: Well", [['label', "Dr. O'Neil:"]]],
    ['[2]: Yes', [['label', '[2]:']]],
    ['speaker  2：Yes', [['label', 'speaker  2：']]],
    ['Note: remember', []],
    [
      'So [pause:300] then [PAUSE] and [pause:x]',
      [
        ['pause', '[pause:300]'],
        ['pause', '[PAUSE]'],
      ],
    ],
    [
      'Anna: one [pause]',
      [
        ['label', 'Anna:'],
        ['pause', '[pause]'],
      ],
    ],
    [' # Anna: not said [pause]', [['comment', ' # Anna: not said [pause]']]],
    ['#', [['comment', '#']]],
    ['#metoo was said [pause]', [['pause', '[pause]']]],
    ['## Part two', []],
    ['', []],
  ])('in %j', (line, expected) => expect(kinds(line)).toEqual(expected));

  test('spellings of one name share a key', () => {
    expect(nameKey(' D’Arcy   Jones')).toBe(nameKey("d'arcy jones"));
    expect(nameKey('[ 03 ]')).toBe(nameKey('SPEAKER 3'));
  });
});

describe('comments', () => {
  test.each(comments as [string, boolean][])('%j: %j', (line, comment) => {
    expect(labels.tokens(line).some(({ kind }) => kind === 'comment')).toBe(comment);
  });
});

describe('a long line', () => {
  test.each(['[pause:1', '[pause', '[', ' ', '*', 'a ', '[1', 'speaker 1'])('of %j takes linear time', (start) => {
    const time = (length: number): number => {
      const line = `${start}${' '.repeat(length)}x: ${start.repeat(length)}`;
      const begin = performance.now();
      labels.tokens(line);
      cleanPaste(line, labels);
      nameKey(line);
      return performance.now() - begin;
    };
    // with two unbounded runs in a row, 40,000 blanks take seconds
    expect(Math.min(...[1, 2, 3].map(() => time(40_000)))).toBeLessThan(200);
  });
});

describe('diagnostics', () => {
  const diagnostic = (fields: Partial<ScriptDiagnostic>): ScriptDiagnostic => ({
    severity: 'error',
    message: 'wrong',
    line: 1,
    column: 1,
    end_column: 2,
    expected: '',
    suggestion: '',
    fix: null,
    alternatives: [],
    ...fields,
  });
  const text = Text.of(['😀😀 Speaker two: Hi.', 'Ben']);

  test('columns count characters, the editor counts UTF-16', () => {
    expect(offsetOf('😀a😀b', 4)).toBe(5);
    expect(offsetOf('ab', 9)).toBe(2);
    const [found] = toDiagnostics(
      [diagnostic({ column: 4, end_column: 16, fix: 'Speaker 2:' })],
      text,
      ChangeSet.empty(text.length).desc,
    );
    expect(text.sliceString(found!.from, found!.to)).toBe('Speaker two:');
    expect(found!.actions![0]!.name).toBe('Replace with “Speaker 2:”');
  });

  test.each([
    [{ expected: 'English text', suggestion: 'write words' }, 'Wrong. Expected: English text. Write words.', undefined],
    [{ suggestion: 'delete it', fix: '' }, 'Wrong.', 'Delete it'],
    [{ suggestion: "write '[pause:500]'", fix: '[pause:500]' }, 'Wrong.', 'Replace with “[pause:500]”'],
    [{ suggestion: 'begin a new line before it', fix: '\nBen:' }, 'Wrong. Begin a new line before it.', 'Split here'],
    [{ suggestion: 'write a blank after it', fix: '# ' }, 'Wrong. Write a blank after it.', 'Make it a comment'],
  ])('are sentences without repetition: %j', (fields, message, fix) => {
    const [found] = toDiagnostics([diagnostic(fields)], text, ChangeSet.empty(text.length).desc);
    expect([found!.message, found!.actions?.[0]!.name]).toEqual([message, fix]);
  });

  test.each([
    ['Well [laughs] go.', '[laughs]', '', 'Well go.'],
    ['Well [laughs]', '[laughs]', '', 'Well'],
    ['Well [laughs], go.', '[laughs]', '', 'Well, go.'],
    ['I see. Ben: Yes.', 'Ben:', '\nBen:', 'I see.\nBen: Yes.'],
    ['Well <break/> go.', '<break/>', '[pause]', 'Well [pause] go.'],
  ])('fixed in %j', (line, words, fix, fixed) => {
    const doc = Text.of([line]);
    const column = line.indexOf(words) + 1;
    const [found] = toDiagnostics(
      [diagnostic({ column, end_column: column + words.length, fix })],
      doc,
      ChangeSet.empty(doc.length).desc,
    );
    const state = EditorState.create({ doc });
    let after = '';
    const view = { state, dispatch: (spec: TransactionSpec) => (after = state.update(spec).state.doc.toString()) };
    found!.actions![0]!.apply(view as unknown as EditorView, found!.from, found!.to);
    expect(after).toBe(fixed);
  });

  test('move with the text, and disappear if their text is deleted', () => {
    const typed = ChangeSet.of([{ from: 0, insert: 'xx' }], text.length);
    const [moved] = toDiagnostics([diagnostic({ column: 4, end_column: 16 })], text, typed.desc);
    expect(typed.apply(text).sliceString(moved!.from, moved!.to)).toBe('Speaker two:');
    const cut = ChangeSet.of([{ from: 0, to: text.length }], text.length);
    const left = toDiagnostics([diagnostic({ line: 2, end_column: 4 })], text, cut.desc);
    expect(left.every(({ from, to }) => from === 0 && to === 0)).toBe(true);
  });

  test('label every fix with what it does', () => {
    const actions = (fix: string | null, alternatives: string[] = []) =>
      toDiagnostics([diagnostic({ fix, alternatives })], text, ChangeSet.empty(text.length).desc)[0]!.actions?.map(
        ({ name }) => name,
      );
    expect(actions('', ['[pause:500]', 'laughs'])).toEqual([
      'Delete it',
      'Replace with “[pause:500]”',
      'Replace with “laughs”',
    ]);
    expect(actions('\nBen:')).toEqual(['Split here']);
    expect(actions('# Let me know!')).toEqual(['Make it a comment']);
    expect(actions(null)).toBeUndefined();
  });

  test('on deleted lines are omitted', () => {
    expect(toDiagnostics([diagnostic({ line: 3 })], text, ChangeSet.empty(text.length).desc)).toEqual([]);
  });
});

describe('pasting from a document', () => {
  test.each([
    ['Anna:\u00a0Hello\u200b there. \r\n\r\n\r\n\r\nBen: Hi.', 'Anna: Hello there.\n\nBen: Hi.'],
    ['“Well,” he said — “no.”', '“Well,” he said — “no.”'],
    ['Anna – Hello.', 'Anna: Hello.'],
    ['Anna\tHello.\tAgain.', 'Anna: Hello. Again.'],
    ['Anna-Marie went.', 'Anna-Marie went.'],
    ['Zoe - Hello.\nBob - Hi.\nZoe - Oh.', 'Zoe: Hello.\nBob - Hi.\nZoe: Oh.'],
    ['well - yes\nwell - no', 'well - yes\nwell - no'],
    ['one\u2028two\vthree', 'one\ntwo\nthree'],
    ['می\u200cخواهم 👨\u200d👩', 'می\u200cخواهم 👨\u200d👩'],
  ])('%j', (raw, clean) => expect(cleanPaste(raw, labels)).toBe(clean));

  test('is idempotent', () => {
    const clean = cleanPaste('Anna –\u00a0 Hi.\r\n\t\n\n\nx', labels);
    expect(cleanPaste(clean, labels)).toBe(clean);
  });
});
