// @vitest-environment jsdom
import { EditorView } from '@codemirror/view';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { mountEditor } from '../../src/core/editor/editor';
import { placesIn } from '../../src/core/editor/heard_words';
import { Bus, type Host } from '../../src/core/host/host';
import { difference, place, review, take, turn, Values } from './reviews';

const SCRIPT = 'Anna: One 😀 two.\nAnna: Three\n four.\nAnna: Five.';

let root: HTMLElement;
let host: Values;
let view: EditorView;
let unmount: () => void;

beforeEach(() => {
  root = document.body.appendChild(document.createElement('div'));
  host = new Values({
    script: SCRIPT,
    speakers: [{ label: 'Anna', color: '#0072b2', voice: null }],
    diagnostics: [],
    turns: [turn('a', 1), turn('b', 2, { end_line: 3 }), turn('c', 4)],
    takes: { 'a-1': take('a-1'), 'b-1': take('b-1'), 'c-1': take('c-1') },
    listen_back: 'on demand',
    job: { id: '', state: 'idle', turns: [], message: '' },
    reviews: {
      'a-1': review(difference({ said: 'two.', heard: 'too', place: place(1, 13, 17) })),
      'b-1': review(difference({ kind: 'missing', said: 'Three four.', heard: '', place: place(2, 7, 7, 3) })),
      'c-1': review(difference({ kind: 'extra', said: '', heard: 'and', certain: false, place: place(4, 7, 7) })),
    },
  });
  unmount = mountEditor(root, host as unknown as Host, new Bus());
  view = EditorView.findFromDOM(root.querySelector<HTMLElement>('.cm-editor')!)!;
});
afterEach(() => {
  unmount();
  root.remove();
});

const marked = (): string[] => placesIn(view.state).map(({ from, to }) => view.state.sliceDoc(from, to));

test('words are underlined, on every line, with the heard words', () => {
  expect(marked()).toEqual(['two.', 'Three', 'four.', '']);
  const [first] = root.querySelectorAll<HTMLElement>('.cm-vvHeard');
  expect([first!.title, first!.dataset['certain']]).toEqual(['“two.” was heard as “too”', 'true']);
  const inserted = root.querySelector<HTMLElement>('.cm-vvInserted')!;
  expect(inserted.title).toBe('“and” is not in the script (uncertain)');
});

test('marks follow their line, vanish when it changes, and return with its text', () => {
  view.dispatch({ changes: { from: 0, insert: '# opening\n' } });
  expect(marked()).toEqual(['two.', 'Three', 'four.', '']);
  view.dispatch({ changes: { from: 16, insert: 'X' } }); // in the first turn
  expect(marked()).toEqual(['Three', 'four.', '']);
  view.dispatch({ changes: { from: 16, to: 17 } });
  expect(marked()).toEqual(['two.', 'Three', 'four.', '']);
  view.dispatch({ changes: { from: 10, insert: 'Y' } }); // at the start of the line
  expect(marked()).toEqual(['Three', 'four.', '']);
  view.dispatch({ changes: { from: 10, to: view.state.doc.line(3).from } }); // the whole turn
  expect(marked()).toEqual(['Three', 'four.', '']);
  view.dispatch({ changes: { from: 0, to: view.state.doc.length } });
  expect(marked()).toEqual([]);
});

test('marks that arrive while the person types are placed in the present text', () => {
  view.dispatch({ changes: { from: view.state.doc.length, insert: ' More' } }); // not yet sent
  view.dispatch({ changes: { from: 0, insert: '# a\n' } });
  host.set('reviews', { ...host.get<object>('reviews') });
  expect(marked()).toEqual(['two.', 'Three', 'four.']);
});

test('the gutter marks a turn that differs, and screen readers hear what', () => {
  const markers = [...root.querySelectorAll<HTMLElement>('.cm-vvTurn')].filter((one) => one.title.includes('Anna'));
  expect(markers.map((one) => one.querySelector('.cm-vvDiffers') !== null)).toEqual([true, true, true]);
  expect(markers[0]!.title).toBe('Anna: generated, 2.5 s\n1 difference: “two.” was heard as “too”');
  view.dispatch({ selection: { anchor: 3 } });
  view.dispatch({ selection: { anchor: 25 } });
  expect(root.querySelector('.vvnb-editor-footer > [role=status]')!.textContent).toContain('is missing');
});

test('reviews of other words, and those switched off, are not shown', () => {
  host.set('takes', { ...host.get<object>('takes'), 'a-1': take('a-1', { earlier: true }) });
  expect(marked()).toEqual(['Three', 'four.', '']);
  host.set('listen_back', 'off');
  expect(marked()).toEqual([]);
  expect(root.querySelector('.cm-vvDiffers')).toBeNull();
});

test('Alt-N goes from word to word, and from the last to the first', () => {
  const press = (): void => {
    view.contentDOM.dispatchEvent(
      new KeyboardEvent('keydown', { key: 'n', altKey: true, bubbles: true, cancelable: true }),
    );
  };
  const seen = [];
  for (let at = 0; at < 5; at++) {
    press();
    seen.push(view.state.sliceDoc(view.state.selection.main.from, view.state.selection.main.to));
  }
  expect(seen).toEqual(['two.', 'Three', 'four.', '', 'two.']);
});
