/** Line of the words of the current turn: the word being spoken is highlighted, and a click on a word plays from it. */

import type { TakeTurn } from '../host/traits';
import { t } from '../strings';
import { h } from '../ui/dom';
import { css } from './color';
import type { TurnColors } from './draw';
import { timedWords, wordAt } from './model';

/** Space kept before a word that is scrolled into view, pixels. */
const MARGIN = 24;

export class WordLine {
  private readonly name = h('b', { dir: 'auto' });
  private readonly text = h('div', { class: 'vvnb-deck-text', dir: 'auto' });
  readonly element = h(
    'div',
    { class: 'vvnb-deck-words', role: 'group', 'aria-label': t('player.words'), hidden: true },
    this.name,
    this.text,
  );
  private turn: TakeTurn | null = null;
  private colors: TurnColors | null = null;
  private words: HTMLButtonElement[] = [];
  private current: HTMLButtonElement | null = null;

  constructor(private readonly onpick: (sample: number) => void) {}

  /** Show or hide the line for turns; return true if that changed. */
  update(turns: readonly TakeTurn[]): boolean {
    const hidden = !turns.some(({ words }) => words.length > 0);
    const changed = hidden !== this.element.hidden;
    this.element.hidden = hidden;
    return changed;
  }

  /** Highlight the word at a sample of a turn; null between turns. */
  mark(sample: number, turn: TakeTurn | null, colors: TurnColors): void {
    if (this.element.hidden) return;
    if (turn !== this.turn || colors !== this.colors) this.show(turn, colors);
    const found = (turn && this.words[wordAt(turn, sample)]) ?? null;
    if (found === this.current) return;
    this.current?.removeAttribute('aria-current');
    if (this.current) this.current.tabIndex = -1;
    this.current = found;
    const stop = found ?? this.words[0];
    if (stop) stop.tabIndex = 0;
    found?.setAttribute('aria-current', 'true');
    this.reveal(found);
  }

  private show(turn: TakeTurn | null, colors: TurnColors): void {
    Object.assign(this, { turn, colors });
    this.current = null;
    this.words = [];
    this.name.textContent = turn?.label ?? '';
    this.element.style.setProperty('--turn', turn ? css(colors.of(turn)) : '');
    const text = turn?.text ?? '';
    const parts: (string | Node)[] = [];
    let at = 0;
    for (const { from, to, start } of turn ? timedWords(turn) : []) {
      const button = h('button', { type: 'button', tabindex: -1 }, text.slice(from, to));
      button.onclick = () => this.onpick(start);
      parts.push(text.slice(at, from), button);
      this.words.push(button);
      at = to;
    }
    this.text.replaceChildren(...parts, text.slice(at));
    this.text.scrollLeft = 0;
    if (this.words[0]) this.words[0].tabIndex = 0;
  }

  /** Turn the line, like a page, when a word is out of view. */
  private reveal(word: HTMLElement | null): void {
    if (!word) return;
    const { text } = this;
    const left = word.offsetLeft - text.offsetLeft;
    const hidden = left < text.scrollLeft || left + word.offsetWidth > text.scrollLeft + text.clientWidth;
    if (hidden) text.scrollLeft = left - MARGIN;
  }
}
