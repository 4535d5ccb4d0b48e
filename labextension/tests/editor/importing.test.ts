// @vitest-environment jsdom
import { undo } from '@codemirror/commands';
import { EditorView } from '@codemirror/view';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { mountEditor } from '../../src/core/editor/editor';
import { CallError } from '../../src/core/host/channel';
import { Bus, type Host } from '../../src/core/host/host';
import { FakeChannel } from '../fake_channel';

// jsdom has no layout.
Range.prototype.getClientRects = () => [] as unknown as DOMRectList;
Range.prototype.getBoundingClientRect = () => new DOMRect();

const SRT = '1\n00:00:01,000 --> 00:00:02,000\nHello.\n';
const found = {
  text: 'Speaker 1: Hello.\nSpeaker 1: Bye.\n',
  format: 'srt',
  useful: true,
  turns: 2,
  speakers: ['Speaker 1'],
  notes: ['a note'],
  questions: [
    {
      key: 'speakers',
      text: 'One, or two?',
      options: [
        ['one', 'one'],
        ['alternate', 'two'],
      ],
      answer: 'one',
    },
  ],
};

let root: HTMLElement;
let view: EditorView;
let unmount: () => void;
let channel: FakeChannel;
let reply: () => object;
let buffers: ArrayBuffer[];

beforeEach(() => {
  root = document.body.appendChild(document.createElement('div'));
  reply = () => found;
  channel = new FakeChannel((_method, _params, sent) => {
    buffers = sent;
    return { result: reply() as Record<string, unknown>, buffers: [] };
  });
  const values: Record<string, unknown> = { script: 'Anna: One.', speakers: [], diagnostics: [], turns: [] };
  const host = {
    channel,
    get: (name: string) => values[name],
    set: (name: string, value: unknown) => void (values[name] = value),
    on: () => () => undefined,
  };
  unmount = mountEditor(root, host as unknown as Host, new Bus());
  view = EditorView.findFromDOM(root.querySelector<HTMLElement>('.cm-editor')!)!;
  view.posAtCoords = () => view.state.doc.length;
  view.dispatch({ selection: { anchor: view.state.doc.length } });
});
afterEach(() => {
  unmount();
  root.remove();
});

const panel = (): HTMLElement => root.querySelector('.vvnb-editor-import')!;
const script = (): string => view.state.doc.toString();
const settle = (): Promise<void> => new Promise((done) => setTimeout(done, 5));

function press(label: string): void {
  [...panel().querySelectorAll('button')].find((one) => one.textContent === label)!.click();
}

async function send(type: 'paste' | 'drop', data: { text?: string; file?: File }): Promise<void> {
  const carried = {
    getData: () => data.text ?? '',
    files: data.file ? [data.file] : [],
    types: data.file ? ['Files'] : ['text/plain'],
  };
  const event = new Event(type, { bubbles: true, cancelable: true });
  Object.assign(event, { clipboardData: carried, dataTransfer: carried, clientX: 0, clientY: 0 });
  view.contentDOM.dispatchEvent(event);
  await settle();
}

// jsdom's File has no arrayBuffer.
const file = (): File =>
  Object.assign(new File([SRT], 'talk.srt'), { arrayBuffer: async () => new TextEncoder().encode(SRT).buffer });

test('a dropped file is previewed, and replaces the script as one change', async () => {
  await send('drop', { file: file() });
  expect(panel().hidden).toBe(false);
  expect(panel().textContent).toContain('2 turns, 1 speaker: Speaker 1');
  expect(new TextDecoder().decode(buffers[0])).toBe(SRT);
  expect(script()).toBe('Anna: One.');
  press('Replace script');
  expect(script()).toBe('Speaker 1: Hello.\nSpeaker 1: Bye.');
  expect(panel().hidden).toBe(true);
  undo(view);
  expect(script()).toBe('Anna: One.');
});

test('a dropped file is inserted on lines of its own', async () => {
  await send('drop', { file: file() });
  press('Insert at cursor');
  expect(script()).toBe('Anna: One.\nSpeaker 1: Hello.\nSpeaker 1: Bye.');
});

test('a pasted text is inserted at once, and its import replaces it', async () => {
  await send('paste', { text: `\n${SRT}` });
  expect(script()).toContain('-->');
  expect(panel().hidden).toBe(false);
  view.dispatch({ changes: { from: 0, insert: '# note\n' } });
  press('Insert at cursor');
  expect(script()).toBe('# note\nAnna: One.\nSpeaker 1: Hello.\nSpeaker 1: Bye.');
  undo(view);
  expect(script()).toContain('-->');
});

test('Cancel keeps what was pasted', async () => {
  await send('paste', { text: `\n${SRT}` });
  const pasted = script();
  press('Cancel');
  expect([script(), panel().hidden]).toEqual([pasted, true]);
});

test('a pasted script, a single line and a failed import ask nothing', async () => {
  reply = () => ({ ...found, useful: false });
  await send('paste', { text: '\nAnna: Two.\nBen: Three.' });
  expect(panel().hidden).toBe(true);
  const calls = channel.calls.length;
  await send('paste', { text: 'one line' });
  expect(channel.calls.length).toBe(calls);
  reply = () => {
    throw new CallError('no', '', '');
  };
  await send('paste', { text: `\n${SRT}` });
  expect(panel().hidden).toBe(true);
});

test('an answer imports again', async () => {
  await send('drop', { file: file() });
  const select = panel().querySelector('select')!;
  select.value = 'alternate';
  select.dispatchEvent(new Event('change'));
  await settle();
  expect(channel.calls.at(-1)!.params).toEqual({ answers: { speakers: 'alternate' } });
  expect(new TextDecoder().decode(buffers[0])).toBe(SRT);
});

test('a file that cannot be imported is explained', async () => {
  reply = () => {
    throw new CallError('the file is a PDF file', 'text', 'save it as text');
  };
  await send('drop', { file: file() });
  expect(panel().textContent).toContain('The file is a PDF file.');
  const large = file();
  vi.spyOn(large, 'size', 'get').mockReturnValue(2 ** 24);
  const calls = channel.calls.length;
  await send('drop', { file: large });
  expect(panel().textContent).toContain('talk.srt');
  expect(channel.calls.length).toBe(calls);
});

test('Escape closes the preview', async () => {
  await send('drop', { file: file() });
  panel().dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
  expect([panel().hidden, script()]).toEqual([true, 'Anna: One.']);
});
