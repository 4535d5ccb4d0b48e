/** Synchronization of a document's text with the Studio's script. */

import type { ISignal } from '@lumino/signaling';

import type { Host } from '../../core/host/host';

/** The part of a text document's model that is used here. */
export interface TextModel {
  readonly contentChanged: ISignal<unknown, void>;
  readonly sharedModel: { getSource(): unknown; updateSource?(start: number, end: number, value?: string): void };
}

export class TextSync {
  private readonly off: () => void;

  constructor(
    private readonly host: Host,
    private readonly model: TextModel,
  ) {
    this.off = host.on('script', () => this.scriptChanged());
    model.contentChanged.connect(this.textChanged, this);
  }

  dispose(): void {
    this.off();
    this.model.contentChanged.disconnect(this.textChanged, this);
  }

  private get text(): string {
    return String(this.model.sharedModel.getSource());
  }

  private scriptChanged(): void {
    // A read-only studio shows the text of another process; the file stays as it is.
    if (this.readOnly) return;
    const { text } = this;
    const script = this.host.get('script') ?? '';
    const { start, end, value } = difference(text, script);
    // Replace only what differs: other people may edit the document at the same time.
    if (text !== script) this.model.sharedModel.updateSource?.(start, end, value);
  }

  private textChanged(): void {
    const { text } = this;
    const script = this.host.get('script');
    if (script !== undefined && script !== text && !this.readOnly) this.host.set('script', text);
  }

  private get readOnly(): boolean {
    return this.host.get('project_state')?.read_only ?? false;
  }
}

/** Shortest range `[start, end)` of `before` whose replacement by `value` gives `after`. */
export function difference(before: string, after: string): { start: number; end: number; value: string } {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start++;
  let same = 0;
  while (same < shorter - start && before[before.length - 1 - same] === after[after.length - 1 - same]) same++;
  return { start, end: before.length - same, value: after.slice(start, after.length - same) };
}
