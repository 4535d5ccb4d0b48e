/** Actions on the turn under the pointer, or at the caret: play, regenerate, and a menu of edits. */

import type { TransactionSpec } from '@codemirror/state';
import type { EditorView } from '@codemirror/view';

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { isBusy, type TurnState } from '../host/traits';
import { turnsOf } from '../host/turns';
import { ATTEMPTS, listens, unready } from '../review/model';
import { SayPanel } from '../pronunciation/say';
import { t } from '../strings';
import { Disposers } from '../ui/disposers';
import { button } from '../ui/elements';
import { menu, type MenuItem } from '../ui/menu';
import { phraseAt } from './read_words';
import {
  insertPause,
  mergeWithNext,
  move,
  placesIn,
  placesOf,
  remove,
  setSpeaker,
  splitAt,
  type TurnPlace,
} from './turn_edits';

/** Number of takes made by "Three takes". */
const SEVERAL = 3;

export class LineActions {
  readonly element: HTMLElement;
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  /** Position in the line under the pointer; null if the pointer is elsewhere. */
  private hovered: number | null = null;
  /** Ids of the turns that the actions are shown for. */
  private shown: readonly string[] = [];
  private readonly count = h('span', { class: 'vvnb-hint' });
  private readonly play = button({
    label: t('editor.play_line'),
    icon: 'play',
    bare: true,
    size: 'small',
    title: t('editor.play_line_hint'),
    onclick: () => this.playLine(this.places()[0]),
  });
  private readonly regenerate = button({
    label: t('takes.regenerate'),
    icon: 'regenerate',
    bare: true,
    size: 'small',
    onclick: () => this.generate(1, this.places()),
  });
  private readonly sayPanel: SayPanel;
  private readonly more = button({ label: t('editor.line_menu'), icon: 'more', bare: true, size: 'small' });

  constructor(
    private readonly view: EditorView,
    private readonly host: Host,
    private readonly bus: Bus,
    private readonly flush: () => void,
  ) {
    menu(this.more, t('editor.line_menu'), () => this.items());
    this.element = h(
      'div',
      { class: 'vvnb-line-actions', role: 'toolbar', 'aria-label': t('editor.line_actions'), hidden: true },
      this.count,
      this.play,
      this.regenerate,
      this.more,
    );
    view.dom.append(this.element);
    this.sayPanel = this.disposers.child(new SayPanel(view.dom, host, bus, () => view.focus()));
    // A click with the mouse leaves the focus in the script, so that the actions follow the pointer again.
    this.disposers.listen(this.element, 'mousedown', (event) => event.preventDefault());
    const { scrollDOM, dom } = view;
    this.disposers.listen(scrollDOM, 'pointermove', (event) => {
      if (event.pointerType === 'touch' || event.buttons) return;
      const at = view.posAtCoords({ x: event.clientX, y: event.clientY }, false);
      if (at === this.hovered) return;
      this.hovered = at;
      this.update();
    });
    this.disposers.listen(dom, 'pointerleave', () => {
      this.hovered = null;
      this.update();
    });
    this.disposers.listen(scrollDOM, 'scroll', () => this.update());
    this.disposers.add(() => this.element.remove());
  }

  /** Place the actions at their turn; hide them where there is none. */
  update(): void {
    if (this.element.matches(':has([aria-expanded="true"])')) return;
    // While a button has the focus, they stay with their turn, wherever the pointer is.
    const places = this.element.contains(document.activeElement) ? this.places() : this.pick();
    this.shown = places.flatMap(({ ids }) => ids);
    const [first] = places;
    this.element.hidden = !first;
    if (!first) return;
    const { view, host } = this;
    view.requestMeasure({
      key: this,
      read: () => {
        const box = view.coordsAtPos(Math.max(first.from, Math.min(view.viewport.from, first.to)));
        return box && { top: box.top - view.dom.getBoundingClientRect().top, height: box.bottom - box.top };
      },
      write: (at) => {
        if (!at || at.top < -at.height || at.top > view.dom.clientHeight - 20) this.element.hidden = true;
        else this.element.style.insetBlockStart = `${Math.max(0, at.top + at.height / 2 - 14)}px`;
      },
    });
    const turns = this.turns(places);
    const several = places.length > 1;
    const locked = this.locked;
    this.count.textContent = several ? t('common.turns', { count: places.length }) : '';
    this.count.hidden = !several;
    this.play.hidden = several || (turns[0]?.seconds ?? null) === null;
    this.regenerate.hidden = !this.generates;
    this.regenerate.disabled = Boolean(locked) || isBusy(host.get('job'));
    const made = turns.some((turn) => turn.takes.length);
    this.regenerate.setAttribute('aria-label', made ? t('takes.regenerate') : t('takes.generate'));
    this.regenerate.title = locked || (made ? t('editor.regenerate_line_hint') : t('editor.generate_line_hint'));
  }

  /** Play the turn at the caret. */
  playAtCaret(): boolean {
    return this.playLine(this.atCaret()[0]);
  }

  /** Regenerate the turns of the selection. */
  regenerateSelected(): boolean {
    return this.generate(1, this.atCaret());
  }

  /** Try out a reading of the word at the caret, in the turn there or in another one. */
  say(place: TurnPlace | undefined = this.atCaret().at(-1)): boolean {
    const { view, host } = this;
    const turn = place?.ids[0];
    if (!place || !turn || host.get('lexicon') === undefined) return false;
    this.flush(); // the kernel has the text on the screen
    const phrase = phraseAt(view.state, place.from, place.to);
    const at = phrase?.from ?? place.from;
    this.sayPanel.open({
      turn,
      word: phrase?.text ?? '',
      at: () => {
        const [start, end] = [view.coordsAtPos(at), view.coordsAtPos(phrase?.to ?? at)];
        if (!start) return view.dom.getBoundingClientRect();
        const right = end && end.top === start.top ? end.right : start.right;
        return new DOMRect(start.left, start.top, right - start.left, start.bottom - start.top);
      },
    });
    return true;
  }

  /** Move the turns of the selection; at an end of the script, they stay. */
  moveSelected(direction: -1 | 1): boolean {
    const places = this.atCaret();
    this.edit(move(this.view.state, places, direction));
    return places.length > 0; // or else the editor would move the line, out of its turn
  }

  /** The turns that the actions are shown for, where they are now. */
  private places(): TurnPlace[] {
    return placesOf(this.view.state).filter(({ ids }) => ids.some((id) => this.shown.includes(id)));
  }

  /** The turns to show actions for: those of a selection of several, the hovered one, or the one at the caret. */
  private pick(): TurnPlace[] {
    const selected = this.atCaret();
    if (selected.length > 1 && !this.view.state.selection.main.empty) return selected;
    if (this.hovered !== null) return placesIn(this.view.state, this.hovered, this.hovered).slice(-1);
    return this.view.hasFocus ? selected.slice(-1) : [];
  }

  private atCaret(): TurnPlace[] {
    const { from, to, empty } = this.view.state.selection.main;
    const places = placesIn(this.view.state, from, to);
    return empty ? places.slice(-1) : places;
  }

  private turns(places: readonly TurnPlace[]): TurnState[] {
    const wanted = new Set(places.flatMap(({ ids }) => ids));
    return turnsOf(this.host).filter(({ id }) => wanted.has(id));
  }

  /** False in an editor without a project, which edits a text only. */
  private get generates(): boolean {
    return this.host.get('job') !== undefined;
  }

  /** Reason why nothing can be generated; empty if it can. */
  private get locked(): string {
    if (this.host.get('project_state')?.read_only) return t('studio.read_only');
    return this.host.get('mode') === 'whole' ? t('takes.turn_mode_only', { mode: t('controls.mode_turns') }) : '';
  }

  private playLine(place: TurnPlace | undefined): boolean {
    const [turn] = place ? this.turns([place]) : [];
    if (!turn || turn.seconds === null) return false;
    this.bus.emit('seek', { turn: turn.id });
    return true;
  }

  private generate(takes: number, places: readonly TurnPlace[]): boolean {
    if (!places.length || !this.generates || this.locked || isBusy(this.host.get('job'))) return false;
    this.flush(); // generate the text on the screen
    this.bus.emit('regenerate', { turns: places.flatMap(({ ids }) => ids), takes });
    return true;
  }

  private edit(change: TransactionSpec | null): boolean {
    if (!change || this.view.state.readOnly) return false;
    this.view.dispatch(change);
    this.view.focus();
    return true;
  }

  private items(): (MenuItem | null)[] {
    const { view, host } = this;
    const now = (): TurnPlace[] => this.places();
    const several = now().length > 1;
    const reason = view.state.readOnly ? t('studio.read_only') : '';
    // The edit is made when it is chosen: the script may have changed while the menu was open.
    const item = (label: string, make: () => TransactionSpec | null, more: Partial<MenuItem> = {}): MenuItem => ({
      label,
      disabled: reason || (make() ? '' : t('editor.not_here')),
      run: () => void this.edit(make()),
      ...more,
    });
    /** An item for a single turn. */
    const single = (label: string, make: (place: TurnPlace) => TransactionSpec | null, hint = ''): MenuItem => {
      const edit = (): TransactionSpec | null => (now()[0] ? make(now()[0]!) : null);
      return item(label, edit, edit() || !hint ? {} : { disabled: reason || hint });
    };
    const speakers = host.get('speakers') ?? [];
    const busy = isBusy(host.get('job')) ? t('editor.generating') : '';
    const severalTakes: MenuItem = {
      label: t('editor.several_takes', { count: SEVERAL }),
      icon: 'regenerate',
      disabled: this.locked || busy,
      run: () => void this.generate(SEVERAL, now()),
    };
    const bestOf: MenuItem = {
      label: t('review.best_of', { count: ATTEMPTS }),
      icon: 'ear',
      disabled: this.locked || busy || unready(host),
      run: () => {
        this.flush(); // generate the text on the screen
        this.bus.emit('bestOf', { turns: now().flatMap(({ ids }) => ids), takes: ATTEMPTS });
      },
    };
    return [
      ...(this.generates ? [severalTakes, ...(listens(host) ? [bestOf] : []), null] : []),
      ...speakers.map(({ label }) => ({
        label: t('editor.speaker_is', { name: label }),
        checked: now().every(({ speaker }) => speaker === label),
        disabled: reason,
        run: () => void this.edit(setSpeaker(view.state, now(), label)),
      })),
      null,
      item(t('editor.move_up'), () => move(view.state, now(), -1), { keys: 'Alt ↑' }),
      item(t('editor.move_down'), () => move(view.state, now(), 1), { keys: 'Alt ↓' }),
      ...(several
        ? []
        : [
            single(t('editor.insert_pause'), insertPause),
            single(
              t('editor.split'),
              (place) => splitAt(view.state, place, view.state.selection.main.head),
              t('editor.split_hint'),
            ),
            single(t('editor.merge'), (place) => mergeWithNext(view.state, place)),
            ...(host.get('lexicon') === undefined
              ? []
              : [{ label: t('say.open'), keys: 'Alt P', run: () => void this.say(now()[0]) }]),
          ]),
      item(several ? t('editor.delete_turns') : t('editor.delete_turn'), () => remove(now()), { icon: 'trash' }),
    ];
  }
}
