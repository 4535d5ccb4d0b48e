/** Import of pasted texts and dropped files: a preview above the script, to replace it or to insert at the cursor. */

import { isolateHistory } from '@codemirror/commands';
import { EditorSelection, Transaction, type Extension } from '@codemirror/state';
import { EditorView, type ViewUpdate } from '@codemirror/view';

import type { Channel } from '../host/channel';
import { t } from '../strings';
import { h, replace } from '../ui/dom';
import { button, failureNote, failureOf } from '../ui/elements';

/** Larger messages than this are dropped by Jupyter servers. */
const MAX_BYTES = 8 * 2 ** 20;
const MAX_SHOWN = 6;

/** Reply to `import_script`. */
interface Imported {
  text: string;
  format: string;
  useful: boolean;
  turns: number;
  speakers: string[];
  notes: string[];
  questions: { key: string; text: string; options: [string, string][]; answer: string }[];
}

/** Text or file to import, and the range of the script that "Insert at cursor" replaces. */
interface Source {
  text?: string;
  file?: ArrayBuffer;
  from: number;
  to: number;
  answers: Record<string, string>;
}

export class ScriptImport {
  readonly element = h('section', { class: 'vvnb-editor-import', 'aria-label': t('editor.import'), hidden: true });
  private source: Source | null = null;

  constructor(
    private readonly view: () => EditorView,
    private readonly channel: Channel,
  ) {
    this.element.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      this.close();
    });
  }

  /** Event handlers of the editor; to be placed before those that insert what is pasted. */
  readonly extension: Extension = [
    EditorView.domEventHandlers({
      paste: (event, view) => this.pasted(event, view),
      dragover: (event) => {
        if (!event.dataTransfer?.types.includes('Files')) return false;
        event.preventDefault(); // otherwise the page accepts no drop
        return true;
      },
      drop: (event, view) => {
        const file = event.dataTransfer?.files[0];
        if (!file || view.state.readOnly) return false;
        event.preventDefault();
        const at = view.posAtCoords({ x: event.clientX, y: event.clientY }) ?? view.state.selection.main.head;
        void this.open(file, at);
        return true;
      },
    }),
    EditorView.updateListener.of((update) => this.follow(update)),
  ];

  close(): void {
    this.source = null;
    this.element.hidden = true;
    this.element.replaceChildren();
    this.view().focus();
  }

  /** Let the text be inserted, and offer to import it if it is in a format of its own. */
  private pasted(event: ClipboardEvent, view: EditorView): boolean {
    const file = event.clipboardData?.files[0];
    const text = event.clipboardData?.getData('text/plain') ?? '';
    const { from } = view.state.selection.main;
    if (view.state.readOnly || (!text && !file)) return false;
    if (!text && file) {
      event.preventDefault();
      void this.open(file, from);
      return true;
    }
    if (text.length > MAX_BYTES / 4 || !/[\r\n]/.test(text.trim()) || !this.channel.connected) return false;
    if (this.source) this.close(); // the open preview is of another text
    setTimeout(() => {
      this.source = { text, from, to: view.state.selection.main.head, answers: {} };
      void this.ask(this.source, false);
    });
    return false;
  }

  private async open(file: File, at: number): Promise<void> {
    if (file.size > MAX_BYTES) {
      this.fail(new Error(t('editor.import_too_large', { name: file.name })));
      return;
    }
    const source: Source = { from: at, to: at, answers: {} };
    this.source = source;
    try {
      source.file = await file.arrayBuffer();
    } catch (error) {
      this.fail(error);
      return;
    }
    await this.ask(source, true);
  }

  /** Call the importer; a pasted text that needs no import, or cannot be imported, stays as it was inserted. */
  private async ask(source: Source, wanted: boolean): Promise<void> {
    const { text, file, answers } = source;
    const params = text === undefined ? { answers } : { text, answers };
    try {
      const { result } = await this.channel.call('import_script', params, file ? [file.slice(0)] : []);
      const found = result as unknown as Imported;
      if (this.source === source && (wanted || found.useful)) this.show(source, found);
    } catch (error) {
      if (this.source === source && wanted) this.fail(error);
    }
  }

  private fail(error: unknown): void {
    this.source = null;
    this.element.hidden = false;
    this.element.replaceChildren(failureNote(failureOf(error), () => this.close()));
  }

  private show(source: Source, found: Imported): void {
    const names = found.speakers.slice(0, MAX_SHOWN).join(', ') + (found.speakers.length > MAX_SHOWN ? ', …' : '');
    const preview = t('editor.import_preview', {
      turns: t('common.turns', { count: found.turns }),
      speakers: t('common.speakers', { count: found.speakers.length }),
      names,
    });
    const insert = button({
      label: t('editor.import_insert'),
      size: 'small',
      onclick: () => this.apply(found.text, source.from, source.to),
    });
    const whole = button({
      label: t('editor.import_replace'),
      size: 'small',
      kind: 'primary',
      onclick: () => this.apply(found.text, 0, this.view().state.doc.length),
    });
    const cancel = button({ label: t('editor.import_cancel'), size: 'small', onclick: () => this.close() });
    const focused = this.element.contains(document.activeElement);
    replace(
      this.element,
      h('div', { role: 'status' }, h('strong', null, preview)),
      ...found.questions.map((question) => this.question(source, question)),
      found.notes.length > 0 &&
        h(
          'details',
          null,
          h('summary', null, t('editor.import_notes', { count: found.notes.length })),
          h('ul', null, ...found.notes.map((note) => h('li', null, note))),
        ),
      h('div', { class: 'vvnb-row' }, whole, insert, cancel),
    );
    this.element.hidden = false;
    if (focused || source.file) whole.focus(); // what is pasted may be edited further
  }

  private question(source: Source, question: Imported['questions'][number]): HTMLElement {
    const select = h(
      'select',
      {
        class: 'vvnb-select',
        onchange: () => {
          source.answers = { ...source.answers, [question.key]: select.value };
          void this.ask(source, true);
        },
      },
      ...question.options.map(([value, words]) => h('option', { value }, words)),
    );
    select.value = question.answer;
    return h('label', { class: 'vvnb-editor-question' }, h('span', null, question.text), select);
  }

  /** Put the imported lines into the script, as one change that Undo takes back. */
  private apply(lines: string, from: number, to: number): void {
    const view = this.view();
    const { doc } = view.state;
    const before = from > 0 && doc.sliceString(from - 1, from) !== '\n' ? '\n' : '';
    const after = to === doc.length || doc.sliceString(to, to + 1) === '\n';
    const insert = before + (after ? lines.trimEnd() : lines);
    view.dispatch({
      changes: { from, to, insert },
      selection: EditorSelection.cursor(from + insert.length),
      scrollIntoView: true,
      annotations: [Transaction.userEvent.of('input.paste'), isolateHistory.of('full')],
    });
    this.close();
  }

  /** Keep the range in place while the script is edited. */
  private follow({ docChanged, changes }: ViewUpdate): void {
    if (!docChanged || !this.source) return;
    this.source.from = changes.mapPos(this.source.from, -1);
    this.source.to = Math.max(this.source.from, changes.mapPos(this.source.to, 1));
  }
}
