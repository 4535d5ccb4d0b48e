/** Synchronization of the editor's text with the `script` trait, without disturbing typing. */

import type { Text } from '@codemirror/state';
import { Annotation, ChangeSet, Transaction, type ChangeDesc } from '@codemirror/state';
import type { EditorView, ViewUpdate } from '@codemirror/view';

import type { Host } from '../host/host';
import { Disposers } from '../ui/disposers';
import { changeBetween } from './diff';

const PAUSE_MS = 120; // pause in typing after which the script is sent
const LONGEST_MS = 400; // longest delay without such a pause

const fromKernel = Annotation.define<boolean>();

/** Convert line ends to the editor's. */
export const normalLines = (text: string): string => text.replace(/\r\n?/g, '\n');

/**
 * Merge of concurrent edits. `shared` is the last text known to both sides; `since` holds the edits made here after
 * it. A text from the kernel is a change of `shared`, mapped over `since`: both edits survive, and the cursor keeps
 * its place in the text.
 */
export class ScriptSync {
  private shared: Text;
  private since: ChangeSet;
  private sent: string[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private dirtyAt = 0;
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;

  constructor(
    private readonly view: EditorView,
    private readonly host: Host,
  ) {
    this.shared = view.state.doc;
    this.since = ChangeSet.empty(this.shared.length);
    this.disposers.add(
      () => this.flush(),
      host.on('script', () => this.receive()),
    );
  }

  /** Text known to the kernel, and the changes made to it since. */
  get known(): { before: Text; moved: ChangeDesc } {
    this.receive(); // the script may arrive in one message with traits that refer to it
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

  /** Send the script now. */
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

  private receive(): void {
    const text = normalLines(this.host.get('script') ?? '');
    if (this.sent.includes(text)) return; // an echo, perhaps of an earlier text
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
