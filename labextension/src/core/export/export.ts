/** The finished episode: in which form, and where to. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { button, check, Failures, freshId, note, progressBar, segments } from '../ui/elements';
import { bytes, count } from '../ui/format';
import { help } from '../ui/popover';
import { Disposers, watch } from '../ui/watch';
import type { Methods } from '../host/protocol';
import { download, filesOf, type Written } from './download';

const FORMATS = [
  ['wav', 'WAV, uncompressed'],
  ['flac', 'FLAC, lossless'],
  ['mp3', 'MP3, plays everywhere'],
  ['opus', 'Opus, smallest'],
  ['m4a', 'M4A (AAC)'],
] as const;

const PARTS = [
  ['whole', 'Whole', 'One file with the whole episode'],
  ['turns', 'Per turn', 'A file for each turn'],
  ['stems', 'Stems', 'A file for each speaker, all of the same length, to be mixed elsewhere'],
] as const;

type Parts = (typeof PARTS)[number][0];

const LOUDNESS = [
  ['off', 'As it is', 'Leave the loudness alone'],
  ['-16', '−16 LUFS', 'What podcasts are usually brought to'],
  ['-14', '−14 LUFS', 'What music services usually play at'],
] as const;

type Loudness = (typeof LOUDNESS)[number][0];

const LOUDNESS_HELP =
  'Brings the whole to a common loudness (LUFS), with true peaks below −1 dB, so that it sits well beside other programmes.';

const TARGETS = [
  ['browser', 'Download'],
  ['folder', 'To a folder'],
] as const;

type Target = (typeof TARGETS)[number][0];

export function mountExport(root: HTMLElement, host: Host, _bus: Bus): () => void {
  const panel = new ExportPanel(host);
  root.append(panel.element);
  return () => panel.dispose();
}

class ExportPanel {
  readonly element: HTMLElement;
  private readonly chosen = {
    format: 'mp3',
    parts: 'whole' as Parts,
    loudness: '-16' as Loudness,
    target: 'browser' as Target,
  };
  private working: AbortController | null = null;
  private readonly failures = new Failures();
  private readonly disposers = new Disposers();
  private readonly format = h(
    'select',
    { class: 'vvnb-select', id: freshId('format'), onchange: () => (this.chosen.format = this.format.value) },
    ...FORMATS.map(([value, label]) => h('option', { value }, label)),
  );
  private readonly parts = segments('Parts', PARTS, (parts) => this.choose({ parts }));
  private readonly loudness = segments('Loudness', LOUDNESS, (loudness) => this.choose({ loudness }));
  private readonly target = segments('Where to', TARGETS, (target) => this.choose({ target }));
  private readonly srt = check('Subtitles, SRT', () => undefined);
  private readonly vtt = check('Subtitles, WebVTT', () => undefined);
  private readonly chapters = check('A chapter for each turn, in the file', () => undefined);
  private readonly folder = h('input', {
    class: 'vvnb-input vvnb-mono',
    placeholder: 'exports',
    spellcheck: 'false',
    'aria-label': 'Folder, as the kernel sees it',
  });
  private readonly bar = progressBar('Export');
  private readonly doing = h('span', { class: 'vvnb-hint', role: 'status' });
  private readonly progress = h(
    'div',
    { class: 'vvnb-stack', 'data-tight': true, hidden: true },
    h(
      'div',
      { class: 'vvnb-row', 'data-nowrap': true },
      h('span', { class: 'vvnb-grow' }, this.doing),
      button({ label: 'Cancel', size: 'small', kind: 'quiet', onclick: () => this.cancel() }),
    ),
    this.bar.element,
  );
  private readonly go = button({ label: 'Export', icon: 'download', kind: 'primary', onclick: () => void this.run() });
  private readonly why = h('span', { class: 'vvnb-hint' });
  private readonly done = h('div', { class: 'vvnb-slot', 'aria-live': 'polite' });

  constructor(private readonly host: Host) {
    const extras = h(
      'div',
      { class: 'vvnb-stack', 'data-tight': true },
      this.srt.element,
      this.vtt.element,
      this.chapters.element,
    );
    this.element = h(
      'section',
      { class: 'vvnb-export', 'aria-label': 'Export' },
      h(
        'div',
        { class: 'vvnb-export-fields' },
        field('Format', this.format, this.format.id),
        field(
          'Parts',
          this.parts.element,
          '',
          help('Parts', ...PARTS.map(([, label, about]) => `${label}: ${about}.`)),
        ),
        field('Loudness', this.loudness.element, '', help('Loudness', LOUDNESS_HELP)),
        field('Add', extras),
        field('Where to', h('div', { class: 'vvnb-stack' }, this.target.element, this.folder)),
      ),
      h(
        'p',
        { class: 'vvnb-hint' },
        'A manifest goes with every export: model, seeds, settings and the words “generated speech”, also inside the audio file.',
      ),
      h('div', { class: 'vvnb-row' }, this.go, this.why),
      this.progress,
      this.failures.element,
      this.done,
    );
    this.disposers.add(
      watch(host, ['turns'], () => this.update()),
      host.channel.on('export_progress', ({ part }) => this.working && this.bar.set(part)),
      () => this.cancel(),
      () => this.element.remove(),
    );
  }

  dispose(): void {
    this.disposers.dispose();
  }

  private choose(choice: Partial<typeof this.chosen>): void {
    Object.assign(this.chosen, choice);
    this.update();
  }

  private update(): void {
    const { chosen } = this;
    const turns = this.host.get('turns') ?? [];
    const open = turns.filter((turn) => turn.chosen === null).length;
    this.parts.set(chosen.parts);
    this.loudness.set(chosen.loudness);
    this.target.set(chosen.target);
    this.format.value = chosen.format;
    this.folder.hidden = chosen.target !== 'folder';
    this.chapters.element.hidden = chosen.parts !== 'whole';
    this.go.disabled = open === turns.length || this.working !== null;
    this.why.textContent =
      open === turns.length
        ? 'Nothing has been spoken yet.'
        : open
          ? `${count(open, 'turn')} of ${turns.length} will be missing.`
          : '';
  }

  private cancel(): void {
    if (!this.working) return;
    this.working.abort();
    this.host.channel.call('cancel_export', {}).catch(() => undefined); // a kernel that is gone exports nothing
  }

  private async run(): Promise<void> {
    const work = (this.working = new AbortController());
    this.done.replaceChildren();
    this.progress.hidden = false;
    this.bar.set(null);
    this.doing.textContent = 'Joining and encoding…';
    this.update();
    await this.failures.during(() => this.write(work.signal));
    this.working = null;
    this.progress.hidden = true;
    this.update();
  }

  private async write(signal: AbortSignal): Promise<void> {
    const { target } = this.chosen;
    const stopped = new Promise<null>((done) => signal.addEventListener('abort', () => done(null)));
    const answer = await Promise.race([this.host.channel.call('export', this.order()), stopped]);
    if (!answer) return;
    this.bar.set(null);
    const files = filesOf(answer.result);
    if (target === 'browser') {
      await download(this.host, files, signal, (file, part) => {
        this.bar.set(part);
        this.doing.textContent = `Fetching ${file.name} (${bytes(file.size)})`;
      });
    }
    const { folder } = answer.result;
    if (!signal.aborted) this.done.replaceChildren(report(files, target, typeof folder === 'string' ? folder : ''));
  }

  private order(): Methods['export'] {
    const { format, parts, loudness, target } = this.chosen;
    return {
      format,
      parts,
      loudness: loudness === 'off' ? null : Number(loudness),
      subtitles: [...(this.srt.input.checked ? ['srt'] : []), ...(this.vtt.input.checked ? ['vtt'] : [])],
      chapters: this.chapters.input.checked && parts === 'whole',
      folder: target === 'folder' ? this.folder.value.trim() || 'exports' : null,
    };
  }
}

function field(label: string, content: HTMLElement, forId = '', about: HTMLElement | null = null): HTMLElement {
  const word = forId ? h('label', { for: forId }, label) : label;
  return h('div', { class: 'vvnb-field' }, h('div', { class: 'vvnb-label' }, word, about), content);
}

function report(files: readonly Written[], target: Target, folder: string): HTMLElement {
  const words =
    target === 'folder'
      ? `${count(files.length, 'file')} written to ${folder}`
      : `${count(files.length, 'file')} downloaded`;
  const rows = files.map((file) =>
    h(
      'li',
      null,
      h('span', { class: 'vvnb-mono vvnb-ellipsis' }, file.name),
      h('span', { class: 'vvnb-hint' }, bytes(file.size)),
    ),
  );
  return note('good', [h('strong', null, words), h('ul', { class: 'vvnb-files' }, ...rows)]);
}
