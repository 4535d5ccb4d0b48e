/** “Say it like this”: a panel beside a word of the script, to try out a reading and save it. */

import type { Bus, Host } from '../host/host';
import { t } from '../strings';
import { button, check, Failures, freshId } from '../ui/elements';
import { h } from '../ui/dom';
import { help, panel, type Panel } from '../ui/popover';
import { Disposers } from '../ui/disposers';
import { HearButton, ReadingText, type Trial } from './preview';

/** The word that a panel is opened for. */
export interface Subject {
  turn: string;
  word: string;
  /** Place of the word on the page. */
  at: () => DOMRect;
}

export class SayPanel {
  private subject: Subject | null = null;
  private readonly panel: Panel;
  private readonly failures = new Failures();
  private readonly word = h('input', { class: 'vvnb-input', id: freshId('word'), maxlength: 100 });
  private readonly reading = h('input', {
    class: 'vvnb-input',
    id: freshId('reading'),
    maxlength: 200,
    autocomplete: 'off',
    spellcheck: 'false',
  });
  private readonly exact = check(t('say.exact'), () => this.changed());
  private readonly preview = h('output', { class: 'vvnb-reading' });
  private readonly save = button({ label: t('say.save'), kind: 'primary' });
  private readonly remove = button({
    label: t('say.remove'),
    icon: 'trash',
    bare: true,
    kind: 'quiet',
    onclick: () => void this.store(null),
  });
  private readonly hear: HearButton;
  private readonly text: ReadingText;
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;

  constructor(
    root: HTMLElement,
    private readonly host: Host,
    bus: Bus,
    private readonly onclose: () => void,
  ) {
    this.hear = new HearButton(host, bus, this.failures, () => this.trial(true));
    this.text = new ReadingText(
      host,
      (text) => (this.preview.textContent = text),
      (error) => this.failures.show(error),
    );
    this.panel = panel(
      t('say.title'),
      () => [this.form()],
      () => this.subject?.at() ?? new DOMRect(),
      (open) => !open && this.closed(),
    );
    this.panel.element.classList.add('vvnb-say');
    root.append(this.panel.element);
    this.word.addEventListener('input', () => this.chooseWord());
    this.reading.addEventListener('input', () => this.changed());
    this.save.type = 'submit';
    this.disposers.add(
      host.on('job', () => this.hear.update()),
      host.on('lexicon', () => this.update()),
      host.on('project_state', () => this.update()),
      () => this.hear.stop(),
      () => this.text.dispose(),
      () => this.panel.element.remove(),
    );
  }

  open(subject: Subject): void {
    this.subject = subject;
    this.failures.clear();
    this.preview.textContent = '';
    this.word.value = subject.word;
    this.chooseWord();
    this.word.toggleAttribute('autofocus', !subject.word);
    this.reading.toggleAttribute('autofocus', Boolean(subject.word));
    this.panel.open();
  }

  private form(): HTMLElement {
    return h(
      'form',
      { class: 'vvnb-stack', onsubmit: (event) => (event.preventDefault(), void this.store(this.reading.value)) },
      h('strong', null, t('say.title')),
      h(
        'div',
        { class: 'vvnb-field' },
        h('label', { class: 'vvnb-label', for: this.word.id }, t('say.word')),
        this.word,
      ),
      h(
        'div',
        { class: 'vvnb-field' },
        h('div', { class: 'vvnb-label' }, h('label', { for: this.reading.id }, t('say.reading')), readingHelp()),
        this.reading,
      ),
      this.exact.element,
      h('div', { class: 'vvnb-field' }, h('div', { class: 'vvnb-label' }, t('say.will_be_read')), this.preview),
      this.failures.element,
      h('div', { class: 'vvnb-row' }, this.hear.element, this.save, h('span', { class: 'vvnb-grow' }), this.remove),
    );
  }

  /** The word as it will be saved: in lower case, it matches in every case. */
  private get key(): string {
    const word = this.word.value.trim();
    return this.exact.input.checked ? word : word.toLowerCase();
  }

  /** Show the reading that the word has; a word with capitals matches only as it is written. */
  private chooseWord(): void {
    const word = this.word.value.trim();
    const entries = this.host.get('lexicon') ?? [];
    const lower = word.toLowerCase();
    const known = entries.find((entry) => entry.word === word) ?? entries.find((entry) => entry.word === lower);
    this.exact.input.checked = known ? known.word !== known.word.toLowerCase() : word !== lower;
    if (known || !this.reading.value || this.reading.value === this.filled) this.reading.value = known?.reading ?? '';
    this.filled = known?.reading ?? '';
    this.changed(0);
  }

  /** The reading that was filled in for the word, not typed. */
  private filled = '';

  private changed(delay?: number): void {
    this.failures.clear();
    this.update();
    this.text.request(this.trial(false), delay);
  }

  private update(): void {
    const word = this.word.value.trim();
    const locked = this.host.get('project_state')?.read_only ?? false;
    const saved = (this.host.get('lexicon') ?? []).find((entry) => entry.word === this.key);
    this.exact.element.hidden = word === word.toLowerCase();
    this.save.disabled = locked || !word || !this.reading.value.trim() || saved?.reading === this.reading.value.trim();
    this.save.title = locked ? t('studio.read_only') : '';
    this.remove.hidden = !saved || locked;
    this.hear.update();
  }

  private trial(heard: boolean): (Trial & { words?: string }) | null {
    const { turn } = this.subject ?? {};
    if (!turn) return null;
    const word = this.word.value.trim();
    const reading = this.reading.value.trim();
    const entry = word && reading ? { word: this.key, reading } : {};
    return { turn, ...(heard && word ? { words: word } : {}), ...entry };
  }

  private async store(reading: string | null): Promise<void> {
    if (this.save.disabled && reading !== null) return;
    const saved = await this.failures.during(() =>
      this.host.channel.call('set_reading', { word: this.key, reading: reading?.trim() ?? null }),
    );
    if (saved) this.panel.close();
  }

  private closed(): void {
    this.hear.stop();
    this.text.dispose();
    if (this.subject) this.onclose();
    this.subject = null;
  }
}

/** Help on respellings and phones. */
export const readingHelp = (): HTMLElement =>
  help(t('say.reading'), t('say.help_respelling'), t('say.help_phones'), t('say.help_case'));
