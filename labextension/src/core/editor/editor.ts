/** Script editor: CodeMirror with speakers, turns and the kernel's diagnostics. */

import { acceptCompletion, autocompletion, closeCompletion, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { linter, nextDiagnostic, setDiagnostics } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { Compartment, EditorState, type Extension } from '@codemirror/state';
import { EditorView, highlightActiveLine, keymap, placeholder } from '@codemirror/view';

import { h } from '../ui/dom';
import type { Action, Bus, Host, SelectedIn } from '../host/host';
import { turnsOf } from '../host/turns';
import { ReviewBar } from '../review/bar';
import { describe, reviewOf } from '../review/model';
import { t } from '../strings';
import { Disposers, type Dispose } from '../ui/disposers';
import { completions } from './complete';
import { toDiagnostics } from './diagnostics';
import { Footer } from './footer';
import { heardWords, selectNextHeard, setHeardWords } from './heard_words';
import { highlight, setSpeakers } from './highlight';
import { ScriptImport } from './importing';
import { LineActions } from './line_actions';
import { pasteFromDocument } from './paste';
import { phrases } from './phrases';
import { Problems } from './problems';
import { ReadAlong } from './read_along';
import { readWords, setReadWords } from './read_words';
import { setSpokenWord, spokenWord } from './spoken_word';
import { ScriptSync, normalLines } from './sync';
import { theme } from './theme';
import { TurnDrag } from './turn_drag';
import { extentOf, heardIn, setCurrentTurn, setTurns, turnAt, turnGutter } from './turns';

export function mountEditor(root: HTMLElement, host: Host, bus: Bus): Dispose {
  return new ScriptEditor(root, host, bus).dispose;
}

class ScriptEditor {
  private readonly view: EditorView;
  private readonly sync: ScriptSync;
  private readonly actions: LineActions;
  private readonly drag: TurnDrag;
  private readonly problems = new Problems(() => this.view);
  private readonly review: ReviewBar;
  private readonly footer: Footer;
  private readonly readAlong: ReadAlong;
  private readonly importing: ScriptImport;
  private readonly readOnly = new Compartment();
  /** The turn at the caret, as last reported. */
  private selected: string | null = null;
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;

  constructor(
    root: HTMLElement,
    private readonly host: Host,
    private readonly bus: Bus,
  ) {
    const frame = h('div', { class: 'vvnb-editor' });
    this.review = this.disposers.child(new ReviewBar(host, bus, () => selectNextHeard(this.view)));
    this.readAlong = this.disposers.child(new ReadAlong(host));
    this.footer = new Footer(this.readAlong.element, this.review.element, this.problems.button);
    this.importing = new ScriptImport(() => this.view, host.channel);
    this.view = new EditorView({
      parent: frame,
      doc: normalLines(host.get('script') ?? ''),
      extensions: this.extensions(),
    });
    frame.prepend(this.importing.element);
    frame.append(this.problems.list, this.review.failures.element, this.footer.element);
    root.append(frame);
    this.sync = this.disposers.child(new ScriptSync(this.view, host));
    this.actions = this.disposers.child(new LineActions(this.view, host, bus, () => this.sync.flush()));
    this.drag = this.disposers.child(new TurnDrag(this.view));
    this.disposers.add(
      host.on('speakers', () => this.showSpeakers()),
      host.on('turns', () => this.showTurns()),
      host.on('takes', () => this.showTurns()),
      host.on('reviews', () => this.showTurns()),
      host.on('listen_back', () => this.showTurns()),
      host.channel.onConnection(() => this.showTurns()),
      host.on('diagnostics', () => this.showDiagnostics()),
      host.on('read_words', () => this.showReadWords()),
      host.on('project_state', () => this.lock()),
      host.on('job', () => this.actions.update()),
      bus.on('currentTurn', ({ turn }) => this.highlight(turn)),
      bus.on('currentWord', ({ word }) => this.view.dispatch({ effects: setSpokenWord.of(word) })),
      bus.on('select', ({ turn, in: where }) => where === 'player' && this.moveTo(turn)),
      bus.on('act', ({ action }) => this.handle(action)),
      bus.on('flush', () => this.sync.flush()),
      () => this.view.destroy(),
      () => frame.remove(),
    );
    this.showSpeakers();
    this.showTurns();
    this.showDiagnostics();
    this.showReadWords();
    this.lock();
    // The host may attach the element later, perhaps in a shadow root, to which styles and selection belong.
    requestAnimationFrame(() => {
      const place = frame.getRootNode();
      if (place instanceof ShadowRoot) this.view.setRoot(place);
    });
  }

  private extensions(): Extension {
    return [
      spokenWord, // before other marks: it is nested in them and does not split them
      highlight,
      readWords,
      heardWords,
      turnGutter(
        (turn) => this.bus.emit('seek', { turn: turn.id }),
        (at, event) => this.drag.begin(at, event),
      ),
      history(),
      EditorView.lineWrapping,
      highlightActiveLine(),
      highlightSelectionMatches(),
      search({ top: true }),
      linter(null),
      autocompletion({ override: [completions], icons: false, defaultKeymap: false }),
      this.importing.extension,
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
        if (update.selectionSet || update.docChanged) this.select(update.docChanged ? 'state' : 'script');
        this.actions?.update();
      }),
    ];
  }

  /** Key bindings. Tab leaves the editor unless a completion is open: no keyboard trap. */
  private keys(): Extension {
    return keymap.of([
      { key: 'Mod-Enter', run: () => this.act('generate') },
      { key: 'Alt-Enter', run: () => this.actions.regenerateSelected() },
      // Completion opens while typing, so Ctrl-Space is free; Alt-` still opens it.
      { key: 'Ctrl-Space', run: () => this.actions.playAtCaret() },
      { key: 'Alt-p', run: () => this.actions.say() },
      { key: 'Alt-n', run: selectNextHeard },
      { key: 'Alt-r', run: this.readAlong.toggle },
      { key: 'Alt-ArrowUp', run: () => this.actions.moveSelected(-1) },
      { key: 'Alt-ArrowDown', run: () => this.actions.moveSelected(1) },
      { key: 'Tab', run: acceptCompletion },
      ...completionKeymap.filter(({ key }) => key !== 'Ctrl-Space'),
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
    if (action === 'regenerate') this.actions.regenerateSelected();
  }

  private showSpeakers(): void {
    this.view.dispatch({ effects: setSpeakers.of(this.host.get('speakers') ?? []) });
  }

  private showTurns(): void {
    const turns = turnsOf(this.host);
    const reviews = turns.map((turn) => [turn.id, reviewOf(this.host, turn)?.differences ?? []] as const);
    const heard = new Map(reviews);
    const words = reviews.flatMap(([, differences]) =>
      differences.flatMap((one) =>
        one.place ? [{ place: one.place, text: describe(one), certain: one.certain }] : [],
      ),
    );
    const { known } = this.sync;
    this.view.dispatch({ effects: [setTurns.of({ turns, heard, ...known }), setHeardWords.of({ words, ...known })] });
    this.footer.showTurns(turns);
    this.select('state');
  }

  private showDiagnostics(): void {
    const { before, moved } = this.sync.known;
    const diagnostics = toDiagnostics(this.host.get('diagnostics') ?? [], before, moved);
    this.view.dispatch(setDiagnostics(this.view.state, diagnostics));
    this.problems.show(diagnostics);
  }

  private showReadWords(): void {
    const words = this.host.get('read_words') ?? [];
    this.view.dispatch({ effects: setReadWords.of({ words, ...this.sync.known }) });
  }

  private lock(): void {
    const locked = this.host.get('project_state')?.read_only ?? false;
    this.view.dispatch({ effects: this.readOnly.reconfigure(EditorState.readOnly.of(locked)) });
  }

  /** Report the turn at the caret. */
  private select(where: SelectedIn): void {
    const turn = turnAt(this.view.state, this.view.state.selection.main.head, this.selected);
    this.footer.showTurn(turn, turn ? heardIn(this.view.state, turn.id) : []);
    if ((turn?.id ?? null) === this.selected) return;
    this.selected = turn?.id ?? null;
    this.bus.emit('select', { turn: this.selected, in: where });
  }

  /** Move the caret to a turn that was selected elsewhere; the focus stays where it is. */
  private moveTo(turn: string | null): void {
    const extent = turn !== null && turn !== this.selected && extentOf(this.view.state, turn);
    if (!extent) return;
    this.selected = turn; // it is known: no report
    this.view.dispatch({ selection: { anchor: extent.from } });
    this.reveal(extent);
  }

  /** Highlight the turn being played; scroll to it unless the editor has the focus. */
  private highlight(turn: string | null): void {
    this.view.dispatch({ effects: setCurrentTurn.of(turn) });
    const extent = turn !== null && !this.view.hasFocus && extentOf(this.view.state, turn);
    if (extent) this.reveal(extent);
  }

  /** Scroll lines into view, within the editor only. */
  private reveal(extent: { from: number; to: number }): void {
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
