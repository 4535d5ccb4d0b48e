/** Keeps the editor's text and the `script` shared with the kernel together, without disturbing who types. */

import type { Text } from '@codemirror/state';
import { Annotation, ChangeSet, Transaction, type ChangeDesc } from '@codemirror/state';
import type { EditorView, ViewUpdate } from '@codemirror/view';

import type { Host } from '../host/host';
import { changeBetween } from './diff';

const PAUSE_MS = 120; // a pause in typing this long is a moment to tell the kernel
const LONGEST_MS = 400; // and without one it hears this often

const fromKernel = Annotation.define<boolean>();

/** Line ends as the editor has them. */
export const normalLines = (text: string): string => text.replace(/\r\n?/g, '\n');

/**
 * `shared` is the last text both sides are known to have had; `since` is what was typed here after it. A text from
 * the kernel is a change of `shared`, mapped over `since`: both survive, and the cursor stays in its words.
 */
export class ScriptSync {
  private shared: Text;
  private since: ChangeSet;
  private sent: string[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private dirtyAt = 0;
  private readonly off: () => void;

  constructor(
    private readonly view: EditorView,
    private readonly host: Host,
  ) {
    this.shared = view.state.doc;
    this.since = ChangeSet.empty(this.shared.length);
    this.off = host.on('script', () => this.receive());
  }

  /** The text the kernel knows, and how places in it have moved since. */
  get known(): { before: Text; moved: ChangeDesc } {
    this.receive(); // the script may have come in one message with what is said about it
    return { before: this.shared, moved: this.since.desc };
  }

  update(update: ViewUpdate): void {
    if (!update.docChanged || update.transactions.some((transaction) => transaction.annotation(fromKernel))) return;
    this.since = this.since.compose(update.changes);
    this.dirtyAt ||= Date.now();
    clearTimeout(this.timer);
    const left = LONGEST_MS - (Date.now() - this.dirtyAt);
    this.timer = setTimeout(() => this.flush(), Math.max(0, Math.min(PAUSE_MS, left)));
  }

  /** Tell the kernel now. */
  flush(): void {
    clearTimeout(this.timer);
    this.dirtyAt = 0;
    if (this.since.empty) return;
    this.shared = this.view.state.doc;
    this.since = ChangeSet.empty(this.shared.length);
    const text = this.shared.toString();
    this.sent = [...this.sent.slice(-9), text];
    this.host.set('script', text);
  }

  dispose(): void {
    this.flush();
    this.off();
  }

  private receive(): void {
    const text = normalLines(this.host.get('script') ?? '');
    if (this.sent.includes(text)) return; // what we said, perhaps coming back after we said more
    const shared = this.shared.toString();
    if (text === shared) return;
    const change = changeBetween(shared, text);
    const changes = change.map(this.since);
    this.since = this.since.map(change, true);
    this.shared = change.apply(this.shared);
    this.sent = [text];
    this.view.dispatch({ changes, annotations: [fromKernel.of(true), Transaction.addToHistory.of(false)] });
  }
}
