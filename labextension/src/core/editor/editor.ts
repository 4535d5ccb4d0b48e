/** Script editor: CodeMirror with speakers, turns and the kernel's diagnostics. */

import { acceptCompletion, autocompletion, closeCompletion, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { linter, nextDiagnostic, setDiagnostics } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { Compartment, EditorState, type Extension } from '@codemirror/state';
import { EditorView, highlightActiveLine, keymap, placeholder } from '@codemirror/view';

import { h } from '../ui/dom';
import type { Action, Bus, Host } from '../host/host';
import type { TurnState } from '../host/traits';
import { turnsOf } from '../host/turns';
import { t } from '../strings';
import { Disposers, type Dispose } from '../ui/disposers';
import { completions } from './complete';
import { toDiagnostics } from './diagnostics';
import { Footer } from './footer';
import { highlight, setSpeakers } from './highlight';
import { pasteFromDocument } from './paste';
import { phrases } from './phrases';
import { Problems } from './problems';
import { ScriptSync, normalLines } from './sync';
import { theme } from './theme';
import { extentOf, setCurrentTurn, setTurns, turnAt, turnGutter } from './turns';

export function mountEditor(root: HTMLElement, host: Host, bus: Bus): Dispose {
  return new ScriptEditor(root, host, bus).dispose;
}

class ScriptEditor {
  private readonly view: EditorView;
  private readonly sync: ScriptSync;
  private readonly problems = new Problems(() => this.view);
  private readonly footer = new Footer(this.problems.button);
  private readonly readOnly = new Compartment();
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;

  constructor(
    root: HTMLElement,
    private readonly host: Host,
    private readonly bus: Bus,
  ) {
    const frame = h('div', { class: 'vvnb-editor' });
    this.view = new EditorView({
      parent: frame,
      doc: normalLines(host.get('script') ?? ''),
      extensions: this.extensions(),
    });
    frame.append(this.problems.list, this.footer.element);
    root.append(frame);
    this.sync = this.disposers.child(new ScriptSync(this.view, host));
    this.disposers.add(
      host.on('speakers', () => this.showSpeakers()),
      host.on('turns', () => this.showTurns()),
      host.channel.onConnection(() => this.showTurns()),
      host.on('diagnostics', () => this.showDiagnostics()),
      host.on('project_state', () => this.lock()),
      bus.on('currentTurn', ({ turn }) => this.highlight(turn)),
      bus.on('act', ({ action }) => this.handle(action)),
      bus.on('flush', () => this.sync.flush()),
      () => this.view.destroy(),
      () => frame.remove(),
    );
    this.showSpeakers();
    this.showTurns();
    this.showDiagnostics();
    this.lock();
    // The host may attach the element later, perhaps in a shadow root, to which styles and selection belong.
    requestAnimationFrame(() => {
      const place = frame.getRootNode();
      if (place instanceof ShadowRoot) this.view.setRoot(place);
    });
  }

  private extensions(): Extension {
    return [
      highlight,
      turnGutter((turn) => this.bus.emit('seek', { turn: turn.id })),
      history(),
      EditorView.lineWrapping,
      highlightActiveLine(),
      highlightSelectionMatches(),
      search({ top: true }),
      linter(null),
      autocompletion({ override: [completions], icons: false }),
      pasteFromDocument,
      EditorView.domEventHandlers({ blur: () => this.sync.flush() }),
      phrases(),
      placeholder(t('editor.placeholder')),
      this.readOnly.of([]),
      this.keys(),
      theme,
      EditorView.contentAttributes.of({ 'aria-label': t('editor.script'), spellcheck: 'true' }),
      EditorView.updateListener.of((update) => {
        this.sync?.update(update);
        if (update.selectionSet || update.docChanged) this.showCurrentTurn();
      }),
    ];
  }

  /** Key bindings. Tab leaves the editor unless a completion is open: no keyboard trap. */
  private keys(): Extension {
    return keymap.of([
      { key: 'Mod-Enter', run: () => this.act('generate') },
      { key: 'Alt-Enter', run: (view) => this.playFrom(turnAt(view.state, view.state.selection.main.head)) },
      { key: 'Tab', run: acceptCompletion },
      ...completionKeymap,
      { key: 'F8', run: nextDiagnostic },
      { key: 'Mod-Shift-m', run: () => this.problems.toggle() },
      ...searchKeymap,
      ...historyKeymap,
      { key: 'Escape', run: (view) => closeCompletion(view) || this.act('stop') }, // after anything else that Escape closes
      ...defaultKeymap,
    ]);
  }

  private act(action: 'generate' | 'stop'): boolean {
    this.sync.flush(); // generate the text on the screen
    this.bus.emit('act', { action });
    return true;
  }

  private handle(action: Action): void {
    if (action === 'generate' || action === 'regenerate') this.sync.flush(); // generate the text on the screen
    const turn = action === 'regenerate' && turnAt(this.view.state, this.view.state.selection.main.head);
    if (turn) this.bus.emit('regenerate', { turn: turn.id });
  }

  private playFrom(turn: TurnState | undefined): boolean {
    if (!turn || turn.seconds === null) return false;
    this.bus.emit('seek', { turn: turn.id });
    return true;
  }

  private showSpeakers(): void {
    this.view.dispatch({ effects: setSpeakers.of(this.host.get('speakers') ?? []) });
  }

  private showTurns(): void {
    const turns = turnsOf(this.host);
    this.view.dispatch({ effects: setTurns.of({ turns, ...this.sync.known }) });
    this.footer.showTurns(turns);
    this.showCurrentTurn();
  }

  private showDiagnostics(): void {
    const { before, moved } = this.sync.known;
    const diagnostics = toDiagnostics(this.host.get('diagnostics') ?? [], before, moved);
    this.view.dispatch(setDiagnostics(this.view.state, diagnostics));
    this.problems.show(diagnostics);
  }

  private lock(): void {
    const locked = this.host.get('project_state')?.read_only ?? false;
    this.view.dispatch({ effects: this.readOnly.reconfigure(EditorState.readOnly.of(locked)) });
  }

  private showCurrentTurn(): void {
    this.footer.showTurn(turnAt(this.view.state, this.view.state.selection.main.head));
  }

  /** Highlight the turn being played; scroll to it unless the editor has the focus. */
  private highlight(turn: string | null): void {
    this.view.dispatch({ effects: setCurrentTurn.of(turn) });
    const extent = turn !== null && !this.view.hasFocus && extentOf(this.view.state, turn);
    if (!extent) return;
    const { scrollDOM } = this.view;
    const { top } = this.view.lineBlockAt(extent.from);
    const { bottom } = this.view.lineBlockAt(extent.to);
    // Not with `scrollIntoView`, which would scroll the notebook as well.
    if (top < scrollDOM.scrollTop) scrollDOM.scrollTop = top;
    else if (bottom > scrollDOM.scrollTop + scrollDOM.clientHeight) {
      scrollDOM.scrollTop = Math.min(top, bottom - scrollDOM.clientHeight + 8);
    }
  }
}
