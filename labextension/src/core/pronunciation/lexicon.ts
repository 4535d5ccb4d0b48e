/** Pronunciation in the settings: spoken forms, the lexicon of the project, and the reading of the selected turn. */

import type { Bus, Host } from '../host/host';
import type { LexiconEntry } from '../host/traits';
import { t } from '../strings';
import { h } from '../ui/dom';
import { Disposers, type Dispose } from '../ui/disposers';
import { button, check, Failures } from '../ui/elements';
import { saveFile } from '../ui/save_file';
import { Keyed, watch } from '../ui/watch';
import { HearButton, ReadingText, textIn } from './preview';
import { readingHelp } from './say';

const LARGEST = 1_000_000; // bytes of a file

export function mountLexicon(root: HTMLElement, host: Host, bus: Bus): Dispose {
  const settings = new LexiconSettings(host, bus);
  root.append(settings.element);
  return settings.dispose;
}

class LexiconSettings {
  readonly element: HTMLElement;
  private turn: string | null = null;
  private readonly failures = new Failures();
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  private readonly forms = check(t('say.spoken_forms'), (on) => this.host.set('spoken_forms', on));
  private readonly formsHint = h('p', { class: 'vvnb-hint' });
  private readonly list = h('ul', { class: 'vvnb-lexicon' });
  private readonly rows = new Keyed<LexiconEntry, Row>(
    this.list,
    ({ word }) => word,
    ({ word }) => new Row(word, (name, reading) => this.change(name, reading)),
  );
  private readonly empty = h('p', { class: 'vvnb-hint' }, t('say.empty'));
  private readonly word = input(t('say.word'), 100);
  private readonly reading = input(t('say.reading'), 200);
  private readonly file = h('input', {
    type: 'file',
    accept: '.txt,.csv,.tsv,text/*',
    hidden: true,
    onchange: () => void this.importFile(),
  });
  private readonly export = button({
    label: t('say.export'),
    icon: 'download',
    size: 'small',
    onclick: () => void this.exportFile(),
  });
  private readonly status = h('span', { class: 'vvnb-hint', role: 'status' });
  private readonly preview = h('output', { class: 'vvnb-reading' });
  private readonly hear: HearButton;
  private readonly text: ReadingText;
  private readonly fields: HTMLFieldSetElement;

  constructor(
    private readonly host: Host,
    bus: Bus,
  ) {
    this.hear = new HearButton(host, bus, this.failures, () => (this.turn === null ? null : { turn: this.turn }));
    this.text = new ReadingText(
      host,
      (text) => (this.preview.textContent = text || t('say.no_turn')),
      () => (this.preview.textContent = t('say.no_turn')), // the turn was deleted
    );
    this.fields = h('fieldset', { class: 'vvnb-settings', 'aria-label': t('say.lexicon') }, ...this.parts());
    this.element = h('section', { class: 'vvnb-pronunciation', 'aria-label': t('say.pronunciation') }, this.fields);
    this.element.append(this.previewField(), this.failures.element);
    this.disposers.add(
      watch(host, ['lexicon', 'project_state', 'spoken_forms', 'model', 'job'], () => this.render()),
      watch(host, ['turns', 'read_words', 'spoken_forms', 'model', 'lexicon'], () => this.showReading()),
      bus.on('select', ({ turn }) => {
        this.turn = turn;
        this.showReading();
      }),
      () => this.hear.stop(),
      () => this.text.dispose(),
      () => this.rows.dispose(),
      () => this.element.remove(),
    );
  }

  private parts(): HTMLElement[] {
    return [
      h('div', { class: 'vvnb-field' }, this.forms.element, this.formsHint),
      h(
        'div',
        { class: 'vvnb-field' },
        h('div', { class: 'vvnb-label' }, t('say.lexicon'), readingHelp()),
        this.empty,
        this.list,
        h(
          'form',
          { class: 'vvnb-row', 'data-nowrap': true, onsubmit: (event) => (event.preventDefault(), void this.add()) },
          this.word,
          this.reading,
          submitButton(),
        ),
        h(
          'div',
          { class: 'vvnb-row' },
          button({ label: t('say.import'), icon: 'upload', size: 'small', onclick: () => this.file.click() }),
          this.export,
          this.file,
          this.status,
        ),
      ),
    ];
  }

  private previewField(): HTMLElement {
    const label = h('div', { class: 'vvnb-label' }, t('say.will_be_read'));
    return h('div', { class: 'vvnb-field' }, label, this.preview, h('div', { class: 'vvnb-row' }, this.hear.element));
  }

  private render(): void {
    const entries = this.host.get('lexicon') ?? [];
    this.rows.update(entries);
    this.empty.hidden = entries.length > 0;
    this.export.disabled = entries.length === 0;
    this.forms.input.checked = this.host.get('spoken_forms') ?? false;
    this.formsHint.textContent = t(
      this.host.get('model') === 'nano' ? 'say.spoken_forms_nano' : 'say.spoken_forms_hint',
    );
    this.fields.disabled = this.host.get('project_state')?.read_only ?? false;
    this.hear.update();
  }

  private showReading(): void {
    this.text.request(this.turn === null ? null : { turn: this.turn });
    this.hear.update();
  }

  private change(word: string, reading: string | null): Promise<boolean> {
    this.status.textContent = '';
    return this.failures.during(() => this.host.channel.call('set_reading', { word, reading }));
  }

  private async add(): Promise<void> {
    const [word, reading] = [this.word.value.trim(), this.reading.value.trim()];
    if (!word || !reading) return (word ? this.reading : this.word).focus();
    if (!(await this.change(word, reading))) return;
    this.word.value = this.reading.value = '';
    this.word.focus();
  }

  private async importFile(): Promise<void> {
    const [file] = this.file.files ?? [];
    this.file.value = ''; // the same file can be chosen again
    if (!file) return;
    await this.failures.during(async () => {
      if (file.size > LARGEST) throw new Error(t('say.too_large', { name: file.name }));
      const text = await textOf(file);
      const { result } = await this.host.channel.call('import_lexicon', { text });
      this.status.textContent = t('say.imported', { count: Number(result['changed']) || 0 });
    });
  }

  private async exportFile(): Promise<void> {
    await this.failures.during(async () => {
      const { result } = await this.host.channel.call('export_lexicon', {});
      saveFile(new Blob([textIn(result, 'text')], { type: 'text/plain' }), textIn(result, 'name'));
    });
  }
}

/** One entry: its word, a field with its reading, and a button that removes it. */
class Row {
  readonly element: HTMLElement;
  private readonly reading: HTMLInputElement;
  private saved = '';

  constructor(word: string, change: (word: string, reading: string | null) => Promise<boolean>) {
    this.reading = input(t('say.reading_of', { word }), 200);
    const store = async (): Promise<void> => {
      const typed = this.reading.value.trim();
      if (!typed || typed === this.saved) this.reading.value = this.saved;
      else await change(word, typed);
    };
    this.reading.addEventListener('change', () => void store());
    this.reading.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || this.reading.value === this.saved) return;
      event.stopPropagation(); // it only restores the field
      this.reading.value = this.saved;
    });
    const remove = button({
      label: t('say.remove_word', { word }),
      icon: 'trash',
      bare: true,
      size: 'small',
      kind: 'quiet',
      onclick: () => void change(word, null),
    });
    this.element = h('li', null, h('span', { class: 'vvnb-ellipsis', title: word }, word), this.reading, remove);
  }

  update({ reading }: LexiconEntry): void {
    this.saved = reading;
    if (document.activeElement !== this.reading) this.reading.value = reading;
  }
}

const input = (label: string, maxlength: number): HTMLInputElement =>
  h('input', {
    class: 'vvnb-input',
    'aria-label': label,
    placeholder: label,
    maxlength,
    autocomplete: 'off',
    spellcheck: 'false',
  });

function submitButton(): HTMLButtonElement {
  const add = button({ label: t('say.add'), size: 'small' });
  add.type = 'submit';
  return add;
}

/** The text of a file in UTF-8; it fails for other encodings, which would be misread. */
async function textOf(file: File): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    throw new Error(t('say.not_utf8', { name: file.name }));
  }
}
