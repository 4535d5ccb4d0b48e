// @vitest-environment jsdom
import { EditorView } from '@codemirror/view';
import { undoDepth } from '@codemirror/commands';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { mountEditor } from '../../src/core/editor/editor';
import { Bus, type Host } from '../../src/core/host/host';
import { turn, Values } from '../review/reviews';

const SCRIPT = 'Anna: One, one two.\nAnna: Well-known [pause:200] well.\n# well three\nthree 😀 天气。\nBen: two.';

let root: HTMLElement;
let bus: Bus;
let host: Values;
let view: EditorView;
let unmount: () => void;

const at = (line: number, text_column: number, end_column: number, end_line = line) => ({
  line,
  end_line,
  text_column,
  end_column,
});

beforeEach(() => {
  root = document.body.appendChild(document.createElement('div'));
  bus = new Bus();
  host = new Values({
    script: SCRIPT,
    speakers: [{ label: 'Anna', color: '#0072b2', voice: null }],
    diagnostics: [],
    turns: [
      turn('a', 1, at(1, 7, 20)),
      turn('b', 2, at(2, 7, 17)),
      turn('c', 2, at(2, 30, 12, 4)),
      turn('d', 5, { ...at(5, 6, 10), speaker: 'Ben' }),
    ],
    takes: {},
    job: { id: '', state: 'idle', turns: [], message: '' },
  });
  unmount = mountEditor(root, host as unknown as Host, bus);
  view = EditorView.findFromDOM(root.querySelector<HTMLElement>('.cm-editor')!)!;
});
afterEach(() => {
  unmount();
  root.remove();
});

/** Play a word of a text, and return what is highlighted, with its position. */
function play(id: string, text: string, word: string, from = text.indexOf(word)): [string, number] | null {
  bus.emit('currentWord', { word: { turn: id, text, from, to: from + word.length } });
  return shown();
}

function shown(): [string, number] | null {
  const marks = [...root.querySelectorAll<HTMLElement>('.cm-vvSpoken')];
  return marks[0] ? [marks.map((mark) => mark.textContent).join(''), view.posAtDOM(marks[0])] : null;
}

const line = (number: number): number => view.state.doc.line(number).from;

test('the word being played is highlighted in the color of its speaker, without marks', () => {
  expect(play('a', 'One, one two.', 'One,')).toEqual(['One', 6]);
  expect(root.querySelector('.cm-vvSpoken')!.getAttribute('style')).toMatch('--speaker: #0072b2');
  expect(play('a', 'One, one two.', 'one')).toEqual(['one', 11]);
  expect(play('a', 'One, one two.', 'two.')).toEqual(['two', 15]);
  bus.emit('currentWord', { word: null });
  expect(shown()).toBeNull();
});

test('a highlight changes neither the text nor its history', () => {
  play('a', 'One, one two.', 'two.');
  expect(view.state.doc.toString()).toBe(SCRIPT);
  expect(undoDepth(view.state)).toBe(0);
  expect(host.get('script')).toBe(SCRIPT);
});

test('words are found in their own turn: not in another one of the line, nor in labels and comments', () => {
  expect(play('b', 'Well-known', 'Well-known')).toEqual(['Well-known', line(2) + 6]);
  const text = 'well. three 😀 天气。';
  expect(play('c', text, 'well.')).toEqual(['well', line(2) + 29]);
  expect(play('c', text, 'three')).toEqual(['three', line(4)]);
  expect(play('c', text, '😀')).toEqual(['😀', line(4) + 6]);
  expect(play('c', text, '天气。')).toEqual(['天气', line(4) + 9]);
  expect(play('d', 'Ben two.', 'Ben')).toBeNull();
});

test('of audio of an earlier text, only words that are unchanged are highlighted', () => {
  const text = 'One, three two!';
  expect(play('a', text, 'One,')).toEqual(['One', 6]);
  expect(play('a', text, 'three')).toBeNull();
  expect(play('a', text, 'two!')).toEqual(['two', 15]);
  expect(play('b', 'Well-made', 'Well-made')).toBeNull();
  expect(play('a', 'Something else.', 'else.')).toBeNull();
  expect(play('none', 'One', 'One')).toBeNull();
});

test('a highlight follows its word through edits, and ends when the word changes', () => {
  play('a', 'One, one two.', 'one');
  view.dispatch({ changes: { from: 0, insert: '# opening\n' } });
  expect(shown()).toEqual(['one', 21]);
  view.dispatch({ changes: { from: 16, insert: 'Hm! ' } }); // before the first word
  expect(shown()).toEqual(['one', 25]);
  view.dispatch({ changes: { from: 28, insert: 's' } });
  expect(shown()).toBeNull();
  view.dispatch({ changes: { from: 28, to: 29 } });
  expect(shown()).toEqual(['one', 25]);
  host.set('turns', []);
  expect(shown()).toBeNull();
});
