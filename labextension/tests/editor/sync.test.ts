// @vitest-environment jsdom
import { undo, history } from '@codemirror/commands';
import { EditorView } from '@codemirror/view';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ScriptSync } from '../../src/core/editor/sync';
import type { Host } from '../../src/core/host/host';

let view: EditorView;
let sync: ScriptSync;
let sent: string[];
let kernel: (script: string) => void;

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  let script = 'Anna: Hello.\nBen: Hi.';
  const callbacks: (() => void)[] = [];
  kernel = (text) => {
    script = text;
    for (const callback of callbacks) callback();
  };
  const host = {
    get: () => script,
    set: (_name: string, value: string) => {
      sent.push(value);
      kernel(value); // a model reports its own changes too
    },
    on: (_name: string, callback: () => void) => (callbacks.push(callback), () => undefined),
  } as unknown as Host;
  view = new EditorView({
    doc: script,
    extensions: [history(), EditorView.updateListener.of((update) => sync?.update(update))],
  });
  sync = new ScriptSync(view, host);
});
afterEach(() => {
  sync.dispose();
  view.destroy();
  vi.useRealTimers();
});

const type = (at: number, insert: string): void =>
  view.dispatch({ changes: { from: at, insert }, selection: { anchor: at + insert.length }, userEvent: 'input.type' });
const text = (): string => view.state.doc.toString();

test('typing is sent after a pause, and at intervals during long typing', () => {
  type(6, 'Oh. ');
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(150);
  expect(sent).toEqual(['Anna: Oh. Hello.\nBen: Hi.']);
  for (let key = 0; key < 20; key++) {
    type(6, 'x');
    vi.advanceTimersByTime(50);
  }
  expect(sent.length).toBeGreaterThanOrEqual(3);
});

test('a change by the kernel replaces only what differs, and the cursor keeps its place in the text', () => {
  view.dispatch({ selection: { anchor: 15 } }); // in "Ben"
  kernel('Anna: Hello, hello.\nBen: Hi.');
  expect(text()).toBe('Anna: Hello, hello.\nBen: Hi.');
  expect(view.state.sliceDoc(view.state.selection.main.head)).toBe('n: Hi.');
  expect(sent).toEqual([]);
});

test('typing survives a concurrent change by the kernel, and is sent', () => {
  type(20, '!?');
  kernel('Anna: Good morning.\nBen: Hi.');
  expect(text()).toBe('Anna: Good morning.\nBen: Hi!?.');
  vi.advanceTimersByTime(500);
  expect(sent).toEqual(['Anna: Good morning.\nBen: Hi!?.']);
});

test('a late echo undoes nothing', () => {
  type(12, ' One.');
  vi.advanceTimersByTime(150);
  type(17, ' Two.');
  vi.advanceTimersByTime(150);
  type(22, ' Three.');
  kernel(sent[0]!);
  kernel(sent[1]!);
  expect(text()).toBe('Anna: Hello. One. Two. Three.\nBen: Hi.');
});

test('the kernel can return to an earlier text after sending another', () => {
  type(12, ' One.');
  vi.advanceTimersByTime(150);
  kernel('Anna: Other.');
  kernel(sent[0]!);
  expect(text()).toBe(sent[0]);
});

test('undo reverts typing, not changes by the kernel', () => {
  type(12, ' One.');
  kernel('Clara: Hello.\nBen: Hi.');
  undo(view);
  expect(text()).toBe('Clara: Hello.\nBen: Hi.');
});

test('other line ends are not a change', () => {
  kernel('Anna: Hello.\r\nBen: Hi.');
  expect(text()).toBe('Anna: Hello.\nBen: Hi.');
  vi.advanceTimersByTime(500);
  expect(sent).toEqual([]);
});

test('unsent typing is sent on disposal', () => {
  type(6, 'Oh. ');
  sync.dispose();
  expect(sent).toHaveLength(1);
});
