// @vitest-environment jsdom
import { EditorView } from '@codemirror/view';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { mountEditor } from '../../src/core/editor/editor';
import { Bus, type Host } from '../../src/core/host/host';
import { IDLE, type TurnState } from '../../src/core/host/traits';

const turn = (id: string, line: number, more: Partial<TurnState> = {}): TurnState => ({
  id,
  line,
  end_line: line,
  text_column: 1,
  end_column: 99,
  speaker: 'Anna',
  speaker_index: 0,
  state: 'spoken',
  reason: '',
  partial: false,
  context_changed: false,
  estimated: 1,
  seconds: 2.5,
  gap_ms: null,
  gain: 0,
  gain_limit: null,
  pace: 1,
  pause_ms: 0,
  takes: [],
  chosen: null,
  ...more,
});

class Values {
  readonly channel = { connected: true, onConnection: () => () => undefined };
  private readonly callbacks = new Map<string, (() => void)[]>();
  constructor(readonly values: Record<string, unknown>) {}
  get = <T>(name: string): T => this.values[name] as T;
  set(name: string, value: unknown): void {
    this.values[name] = value;
    for (const callback of this.callbacks.get(name) ?? []) callback();
  }
  on(name: string, callback: () => void): () => void {
    this.callbacks.set(name, [...(this.callbacks.get(name) ?? []), callback]);
    return () => undefined;
  }
}

let root: HTMLElement;
let bus: Bus;
let host: Values;
let unmount: () => void;
let view: EditorView;
let happened: unknown[];

beforeEach(() => {
  root = document.body.appendChild(document.createElement('div'));
  bus = new Bus();
  happened = [];
  bus.on('act', (detail) => happened.push(detail));
  bus.on('seek', (detail) => happened.push(detail));
  host = new Values({
    script: 'Anna: One.\nmore.\nAnna: Two.\nAnna: Three.',
    speakers: [{ label: 'Anna', color: '#0072b2', voice: null }],
    diagnostics: [],
    turns: [turn('a', 1, { end_line: 2 }), turn('b', 3), turn('c', 4, { state: 'unspoken', seconds: null })],
  });
  unmount = mountEditor(root, host as unknown as Host, bus);
  view = EditorView.findFromDOM(root.querySelector<HTMLElement>('.cm-editor')!)!;
});
afterEach(() => {
  unmount();
  root.remove();
});

const press = (key: string, more: KeyboardEventInit = {}): boolean =>
  view.contentDOM.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }));
const highlighted = (): (string | null)[] =>
  [...root.querySelectorAll('.cm-vvCurrent')].map((line) => line.textContent);
const states = (): (string | undefined)[] =>
  [...root.querySelectorAll<HTMLElement>('.cm-gutterElement .cm-vvTurn')]
    .filter((marker) => marker.closest<HTMLElement>('.cm-gutterElement')!.style.visibility !== 'hidden')
    .map((marker) => marker.dataset['state']);

describe('keys', () => {
  test('Ctrl-Enter generates the text on the screen', () => {
    view.dispatch({ changes: { from: 6, insert: 'Oh. ' } });
    press('Enter', { ctrlKey: true });
    expect(host.get('script')).toMatch(/^Anna: Oh\. One/);
    expect(happened).toEqual([{ action: 'generate' }]);
  });
  test('Escape stops', () => {
    press('Escape');
    expect(happened).toEqual([{ action: 'stop' }]);
  });
  test('Ctrl-Space plays the turn at the cursor, if it is generated', () => {
    view.dispatch({ selection: { anchor: 14 } });
    press(' ', { ctrlKey: true });
    expect(happened).toEqual([{ turn: 'a' }]);
    view.dispatch({ selection: { anchor: view.state.doc.length } });
    press(' ', { ctrlKey: true });
    expect(happened).toEqual([{ turn: 'a' }]);
  });
  test('Alt-Enter regenerates the turn at the cursor, or those of a selection', () => {
    bus.on('regenerate', (detail) => happened.push(detail));
    view.dispatch({ selection: { anchor: 14 } });
    press('Enter', { altKey: true });
    expect(happened).toEqual([]); // an editor without a project has no job, and generates nothing
    host.set('job', IDLE);
    press('Enter', { altKey: true });
    view.dispatch({ selection: { anchor: 14, head: 20 } });
    press('Enter', { altKey: true });
    expect(happened).toEqual([
      { turns: ['a'], takes: 1 },
      { turns: ['a', 'b'], takes: 1 },
    ]);
  });
  test('Alt with an arrow moves a turn, which Ctrl-Z undoes', () => {
    const script = view.state.doc.toString();
    view.dispatch({ selection: { anchor: 20 } });
    press('ArrowUp', { altKey: true });
    expect(view.state.doc.toString()).toBe('Anna: Two.\nAnna: One.\nmore.\nAnna: Three.');
    press('z', { ctrlKey: true });
    expect(view.state.doc.toString()).toBe(script);
  });
  test('Tab leaves the editor', () => expect(press('Tab')).toBe(true));
});

describe('the selected turn', () => {
  test('is the one at the caret', () => {
    bus.on('select', (detail) => happened.push(detail));
    view.dispatch({ selection: { anchor: 14 } }); // still in the first turn
    view.dispatch({ selection: { anchor: 20 } });
    expect(happened).toEqual([{ turn: 'b', in: 'script' }]);
  });
  test('takes the caret along when it is selected in the player, without a report', () => {
    bus.emit('select', { turn: 'c', in: 'player' });
    const reported: unknown[] = [];
    bus.on('select', (detail) => reported.push(detail));
    expect(view.state.doc.lineAt(view.state.selection.main.head).text).toBe('Anna: Three.');
    expect(view.hasFocus).toBe(false);
    expect(reported).toEqual([]);
  });
});

describe('turns', () => {
  test('show their state, and follow their lines', () => {
    expect(states()).toEqual(['spoken', 'spoken', 'unspoken']);
    view.dispatch({ changes: { from: 0, insert: '# opening\n' } });
    expect(states()).toEqual(['spoken', 'spoken', 'unspoken']);
    press('Enter', { ctrlKey: true }); // sends the new line to the kernel
    host.set('turns', [
      turn('a', 2, { end_line: 3 }),
      turn('b', 4, { state: 'changed' }),
      turn('c', 5, { state: 'queued' }),
    ]);
    expect(states()).toEqual(['spoken', 'changed', 'queued']);
  });
  test('whose context changed look different from generated ones', () => {
    host.set('turns', [turn('a', 1, { context_changed: true }), turn('b', 3, { state: 'changed' })]);
    expect(states()).toEqual(['context', 'changed']);
    host.set('turns', [
      turn('a', 1),
      turn('b', 3, { state: 'unspeakable', reason: 'nothing to speak', seconds: null }),
    ]);
    expect(states()).toEqual(['spoken', 'unspeakable']);
  });
  test('being played are highlighted on all their lines, also after edits', () => {
    bus.emit('currentTurn', { turn: 'a' });
    expect(highlighted()).toEqual(['Anna: One.', 'more.']);
    view.dispatch({ changes: { from: 0, insert: '# opening\n' } });
    expect(highlighted()).toEqual(['Anna: One.', 'more.']);
    bus.emit('currentTurn', { turn: null });
    expect(highlighted()).toEqual([]);
  });
  test('are announced to screen readers when the cursor enters another one', () => {
    view.dispatch({ selection: { anchor: view.state.doc.length } });
    expect(root.querySelector('[role=status]')!.textContent).toBe('Anna: not generated yet, about 1.0 s');
  });
  test('are counted, with their total duration', () => {
    expect(root.querySelector('.vvnb-editor-totals')!.textContent).toBe('3 turns · about 6.0 s · 5.0 s generated');
  });
});

test('turns that arrive together with the script are placed in the new text', () => {
  host.values['turns'] = [turn('b', 2)];
  host.values['script'] = '# only this\nAnna: Two.';
  host.set('turns', host.values['turns']);
  bus.emit('currentTurn', { turn: 'b' });
  expect(highlighted()).toEqual(['Anna: Two.']);
});

test('a style accepts nothing but a color', () => {
  host.set('speakers', [{ label: 'Anna', color: 'red; background: url(//x)', voice: null }]);
  expect(root.querySelector('.cm-vvLabel')!.getAttribute('style')).toBe('');
});

test('a read-only project makes the editor read-only', () => {
  host.set('project_state', { name: '', path: '', read_only: true, holder: '' });
  expect(view.state.readOnly).toBe(true);
});
