/** Field for a thing that is chosen by name and then loaded: a model, a recognizer. */

import { h } from './dom';
import { badge, button, Failures, failureNote, freshId, progressBar, suggestAll, type Tone } from './elements';
import { help } from './popover';

export interface LoadableOptions {
  label: string;
  /** Paragraphs of the help. */
  help: readonly string[];
  placeholder: string;
  maxLength?: number;
  showAll: string;
  /** Label of the progress bar. */
  loading: string;
  /** The displayed name, to which the field returns when it is left empty. */
  current: () => string;
  choose: (name: string) => void;
  load: () => Promise<unknown>;
  unload: () => Promise<unknown>;
  /** Elements between the name and the state. */
  details?: readonly HTMLElement[];
}

export interface LoadableState {
  label: string;
  tone: Tone | undefined;
  detail: string;
  loading: boolean;
  /** Reason of a failure; empty without one. */
  failure: string;
}

export class LoadableField {
  readonly elements: HTMLElement[];
  readonly load: HTMLButtonElement;
  readonly unload: HTMLButtonElement;
  private readonly failures = new Failures();
  private readonly suggestions = h('datalist', { id: freshId('names') });
  private readonly name: HTMLInputElement;
  private readonly all: HTMLButtonElement;
  private readonly note = h('p', { class: 'vvnb-hint' });
  private readonly state = h('div', { class: 'vvnb-row', 'aria-live': 'polite' });
  private readonly bar: ReturnType<typeof progressBar>;
  private readonly failure = h('div', { class: 'vvnb-slot' });

  constructor(options: LoadableOptions) {
    const id = freshId('name');
    this.name = h('input', {
      class: 'vvnb-input vvnb-mono',
      id,
      list: this.suggestions.id,
      spellcheck: 'false',
      autocomplete: 'off',
      maxlength: options.maxLength,
      placeholder: options.placeholder,
      onchange: () => this.name.value.trim() && options.choose(this.name.value.trim()),
      onblur: () => (this.name.value ||= options.current()),
    });
    this.all = button({
      label: options.showAll,
      icon: 'chevron',
      bare: true,
      onclick: () => suggestAll(this.name),
    });
    this.load = button({ label: '', size: 'small', onclick: () => void this.failures.during(options.load) });
    this.unload = button({ label: '', size: 'small', onclick: () => void this.failures.during(options.unload) });
    this.bar = progressBar(options.loading);
    this.bar.set(null);
    this.elements = [
      h('div', { class: 'vvnb-label' }, h('label', { for: id }, options.label), help(options.label, ...options.help)),
      h('div', { class: 'vvnb-combobox' }, this.name, this.all, this.suggestions),
      this.note,
      ...(options.details ?? []),
      h(
        'div',
        { class: 'vvnb-row', 'data-nowrap': true },
        h('div', { class: 'vvnb-grow' }, this.state),
        this.load,
        this.unload,
      ),
      this.bar.element,
      this.failure,
      this.failures.element,
    ];
  }

  /** Show the chosen name among those that are offered, unless it is being edited. */
  showName(name: string, offered: readonly { id: string; note: string }[], readOnly: boolean): void {
    if (document.activeElement !== this.name) this.name.value = name;
    this.suggestions.replaceChildren(...offered.map(({ id, note }) => h('option', { value: id }, note)));
    this.note.textContent = offered.find(({ id }) => id === name)?.note ?? '';
    this.note.hidden = !this.note.textContent;
    this.name.disabled = this.all.disabled = readOnly;
  }

  showState({ label, tone, detail, loading, failure }: LoadableState): void {
    this.state.replaceChildren(badge(label, tone), h('span', { class: 'vvnb-hint' }, detail));
    this.bar.element.hidden = !loading;
    this.failure.replaceChildren(...(failure ? [failureNote({ got: failure })] : []));
  }
}
