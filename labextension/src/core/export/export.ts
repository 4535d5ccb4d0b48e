/** Export panel: format, loudness, subtitles and destination of the finished episode. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { button, check, Failures, freshId, note, progressBar, segments } from '../ui/elements';
import { bytes } from '../ui/format';
import { help } from '../ui/popover';
import { Disposers, type Dispose } from '../ui/disposers';
import { watch } from '../ui/watch';
import type { Methods } from '../host/protocol';
import { EXPORT_LOUDNESS } from '../review/figures';
import { t, type TextKey } from '../strings';
import { CoverField } from './cover';
import { edgeSilence, type EdgeSilence } from './edge_silence';
import { LoudnessPreview } from './loudness_preview';
import { download, filesOf, type WrittenFile } from './download';
import { MusicGroup } from './music';

const FORMATS = [
  ['wav', 'export.wav'],
  ['flac', 'export.flac'],
  ['mp3', 'export.mp3'],
  ['opus', 'export.opus'],
  ['m4a', 'export.m4a'],
  ['html', 'export.html'],
] as const satisfies Choices;

const PARTS = [
  ['whole', 'export.whole', 'export.whole_hint'],
  ['turns', 'export.turns', 'export.turns_hint'],
  ['stems', 'export.stems', 'export.stems_hint'],
] as const satisfies Choices;

const LOUDNESS = [
  ['off', 'export.unchanged', 'export.unchanged_hint'],
  ['-16', 'export.podcast', 'export.podcast_hint'],
  ['-14', 'export.music', 'export.music_hint'],
] as const satisfies Choices;

const TARGETS = [
  ['browser', 'export.download'],
  ['folder', 'export.to_folder'],
] as const satisfies Choices;

/** Traits with metadata of the files, saved with the project. */
const TAGS = [
  ['title', 'export.title'],
  ['artist', 'export.artist'],
] as const;

/** Values with their labels and tooltips. */
type Choices = readonly (readonly [value: string, label: TextKey, hint?: TextKey])[];
type Parts = (typeof PARTS)[number][0];
type Loudness = (typeof LOUDNESS)[number][0];
type Target = (typeof TARGETS)[number][0];
type Tag = (typeof TAGS)[number][0];

export function mountExport(root: HTMLElement, host: Host, bus: Bus): Dispose {
  const panel = new ExportPanel(host, bus);
  root.append(panel.element);
  return panel.dispose;
}

class ExportPanel {
  readonly element: HTMLElement;
  private readonly chosen = {
    format: 'mp3',
    parts: 'whole' as Parts,
    loudness: String(EXPORT_LOUDNESS) as Loudness,
    target: 'browser' as Target,
  };
  private running: AbortController | null = null;
  private readonly failures = new Failures();
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  private readonly format = h(
    'select',
    { class: 'vvnb-select', id: freshId('format'), onchange: () => this.choose({ format: this.format.value }) },
    ...FORMATS.map(([value, label]) => h('option', { value }, t(label))),
  );
  private readonly parts = segments(
    t('export.parts'),
    PARTS.map(([value, label, hint]) => [value, t(label), t(hint)] as const),
    (parts) => this.choose({ parts }),
  );
  private readonly loudness = segments(
    t('export.loudness'),
    LOUDNESS.map(([value, label, hint]) => [value, t(label), t(hint)] as const),
    (loudness) => this.choose({ loudness }),
  );
  private readonly target = segments(
    t('export.destination'),
    TARGETS.map(([value, label]) => [value, t(label)] as const),
    (target) => this.choose({ target }),
  );
  private readonly srt = check(t('export.srt'), () => undefined);
  private readonly vtt = check(t('export.vtt'), () => undefined);
  private readonly chapters = check(t('export.chapters'), () => undefined);
  private readonly manifest = check(t('export.manifest_file'), () => undefined);
  private readonly tags = TAGS.map(([trait, label]) => [trait, this.tagInput(trait), t(label)] as const);
  private readonly partsField: HTMLElement;
  private readonly folder = h('input', {
    class: 'vvnb-input vvnb-mono',
    placeholder: 'exports',
    spellcheck: 'false',
    'aria-label': t('export.folder'),
  });
  private readonly bar = progressBar(t('export.export'));
  private readonly activity = h('span', { class: 'vvnb-hint', role: 'status' });
  private readonly progress = h(
    'div',
    { class: 'vvnb-stack', 'data-tight': true, hidden: true },
    h(
      'div',
      { class: 'vvnb-row', 'data-nowrap': true },
      h('span', { class: 'vvnb-grow' }, this.activity),
      button({ label: t('export.cancel'), size: 'small', kind: 'quiet', onclick: () => this.cancel() }),
    ),
    this.bar.element,
  );
  private readonly start = button({
    label: t('export.export'),
    icon: 'download',
    kind: 'primary',
    onclick: () => void this.run(),
  });
  private readonly reason = h('span', { class: 'vvnb-hint' });
  private readonly done = h('div', { class: 'vvnb-slot', 'aria-live': 'polite' });

  private readonly preview: LoudnessPreview;
  private readonly silence: EdgeSilence;
  private readonly music: MusicGroup;
  private readonly cover: CoverField;
  private readonly noCover = h('p', { class: 'vvnb-hint' }, t('export.cover_not_in_wav'));

  constructor(
    private readonly host: Host,
    private readonly bus: Bus,
  ) {
    this.preview = this.disposers.child(new LoudnessPreview(host, bus, this.failures));
    this.silence = edgeSilence(host);
    this.music = this.disposers.child(new MusicGroup(host, bus));
    this.cover = this.disposers.child(new CoverField(host));
    const extras = h(
      'div',
      { class: 'vvnb-stack', 'data-tight': true },
      this.srt.element,
      this.vtt.element,
      this.chapters.element,
      this.manifest.element,
    );
    this.partsField = field(
      t('export.parts'),
      this.parts.element,
      '',
      help(
        t('export.parts'),
        ...PARTS.map(([, label, hint]) => t('export.part_help', { part: t(label), hint: t(hint) })),
      ),
    );
    this.element = h(
      'section',
      { class: 'vvnb-export', 'aria-label': t('export.export') },
      h(
        'div',
        { class: 'vvnb-export-fields' },
        field(t('export.format'), this.format, this.format.id),
        this.partsField,
        field(
          t('export.loudness'),
          h('div', { class: 'vvnb-stack', 'data-tight': true }, this.loudness.element, this.preview.element),
          '',
          help(t('export.loudness'), t('export.loudness_help')),
        ),
        field(t('export.silence'), this.silence.element, '', help(t('export.silence'), t('export.silence_help'))),
        h('div', { class: 'vvnb-stack' }, ...this.tags.map(([, input, label]) => field(label, input, input.id))),
        field(
          t('export.cover'),
          h('div', { class: 'vvnb-stack', 'data-tight': true }, this.cover.element, this.noCover),
        ),
        field(t('export.add'), extras),
        field(t('export.destination'), h('div', { class: 'vvnb-stack' }, this.target.element, this.folder)),
      ),
      this.music.element,
      h('p', { class: 'vvnb-hint' }, t('export.manifest')),
      h('div', { class: 'vvnb-row' }, this.start, this.reason),
      this.progress,
      this.failures.element,
      this.done,
    );
    this.disposers.add(
      watch(host, ['turns', 'title', 'artist', 'edge_silence', 'cover', 'project_state'], () => this.update()),
      host.channel.on('export_progress', ({ fraction }) => this.running && this.bar.set(fraction)),
      () => this.cancel(),
      () => this.element.remove(),
    );
  }

  /** The chosen loudness in LUFS; null leaves it as it is. */
  private get lufs(): number | null {
    return this.chosen.loudness === 'off' ? null : Number(this.chosen.loudness);
  }

  private choose(choice: Partial<typeof this.chosen>): void {
    Object.assign(this.chosen, choice);
    if (choice.loudness) this.bus.emit('exportLoudness', { target: this.lufs });
    this.update();
  }

  private update(): void {
    const { chosen } = this;
    const turns = this.host.get('turns') ?? [];
    const total = turns.length;
    const missing = turns.filter((turn) => turn.chosen === null).length;
    this.parts.set(chosen.parts);
    this.loudness.set(chosen.loudness);
    this.preview.show(this.lufs, missing < total);
    this.silence.update();
    this.target.set(chosen.target);
    this.format.value = chosen.format;
    this.noCover.hidden = chosen.format !== 'wav' || !this.host.get('cover');
    this.folder.hidden = chosen.target !== 'folder';
    this.partsField.hidden = chosen.format === 'html';
    this.chapters.element.hidden = this.onlyParts !== 'whole';
    for (const [trait, input] of this.tags) {
      if (!input.matches(':focus')) input.value = this.host.get(trait) ?? '';
    }
    this.start.disabled = missing === total || this.running !== null;
    if (missing === total) this.reason.textContent = t('export.nothing_generated');
    else this.reason.textContent = missing ? t('export.missing', { count: missing, total }) : '';
  }

  /** Parts of the export; a web page is always of the whole. */
  private get onlyParts(): Parts {
    return this.chosen.format === 'html' ? 'whole' : this.chosen.parts;
  }

  private tagInput(trait: Tag): HTMLInputElement {
    const input = h('input', {
      class: 'vvnb-input',
      id: freshId(trait),
      maxlength: 500,
      onchange: () => this.host.set(trait, input.value.trim()),
    });
    return input;
  }

  private cancel(): void {
    if (!this.running) return;
    this.running.abort();
    this.host.channel.call('cancel_export', {}).catch(() => undefined); // a lost kernel has stopped exporting
  }

  private async run(): Promise<void> {
    const controller = (this.running = new AbortController());
    this.done.replaceChildren();
    this.progress.hidden = false;
    this.bar.set(null);
    this.activity.textContent = t('export.encoding');
    this.update();
    this.progress.scrollIntoView({ block: 'nearest' }); // it is below the button, outside a low panel
    if (!(await this.failures.during(() => this.write(controller.signal))))
      this.failures.element.scrollIntoView({ block: 'nearest' });
    this.running = null;
    this.progress.hidden = true;
    this.update();
  }

  private async write(signal: AbortSignal): Promise<void> {
    const { target } = this.chosen;
    const stopped = new Promise<null>((done) => signal.addEventListener('abort', () => done(null)));
    const answer = await Promise.race([this.host.channel.call('export', this.request()), stopped]);
    if (!answer) return;
    this.bar.set(null);
    const files = filesOf(answer.result);
    if (target === 'browser') {
      await download(this.host, files, signal, (file, fraction) => {
        this.bar.set(fraction);
        this.activity.textContent = t('export.fetching', { file: file.name, size: bytes(file.size) });
      });
    }
    const { folder } = answer.result;
    if (signal.aborted) return;
    this.done.replaceChildren(report(files, target, typeof folder === 'string' ? folder : ''));
    this.done.scrollIntoView({ block: 'nearest' });
  }

  private request(): Methods['export'] {
    const { format, target } = this.chosen;
    const parts = this.onlyParts;
    const subtitles = [...(this.srt.input.checked ? ['srt'] : []), ...(this.vtt.input.checked ? ['vtt'] : [])];
    const chapters = this.chapters.input.checked && parts === 'whole';
    const manifest = this.manifest.input.checked;
    const several = parts !== 'whole' || subtitles.length > 0 || chapters || manifest;
    return {
      format,
      parts,
      loudness: this.lufs,
      subtitles,
      chapters,
      folder: target === 'folder' ? this.folder.value.trim() || 'exports' : null,
      manifest,
      archive: target === 'browser' && several,
    };
  }
}

function field(label: string, content: HTMLElement, forId = '', about: HTMLElement | null = null): HTMLElement {
  const name = forId ? h('label', { for: forId }, label) : label;
  return h('div', { class: 'vvnb-field' }, h('div', { class: 'vvnb-label' }, name, about), content);
}

function report(files: readonly WrittenFile[], target: Target, folder: string): HTMLElement {
  const count = files.length;
  const summary = target === 'folder' ? t('export.written', { count, folder }) : t('export.downloaded', { count });
  const rows = files.map((file) =>
    h(
      'li',
      null,
      h('span', { class: 'vvnb-mono vvnb-ellipsis' }, file.name),
      h('span', { class: 'vvnb-hint' }, bytes(file.size)),
    ),
  );
  return note('good', [h('strong', null, summary), h('ul', { class: 'vvnb-files' }, ...rows)]);
}
