/** The finished episode: in which form, and where to. */

import { h } from '../dom';
import type { Bus, Host } from '../host';
import { button, check, Failures, freshId, note, progressBar, segments } from '../kit/elements';
import { bytes, count } from '../kit/format';
import { help } from '../kit/popover';
import { Disposers, watch } from '../kit/watch';
import type { TurnState } from '../state';
import { download, filesOf, type Written } from './download';

const FORMATS = [
  ['wav', 'WAV, uncompressed'],
  ['flac', 'FLAC, lossless'],
  ['mp3', 'MP3, plays everywhere'],
  ['opus', 'Opus, smallest'],
] as const;

const PARTS = [
  ['whole', 'Whole', 'One file with the whole episode'],
  ['turns', 'Per turn', 'A file for each turn'],
  ['stems', 'Stems', 'A file for each speaker, all of the same length, to be mixed elsewhere'],
] as const;

type Loudness = 'off' | '-16' | '-14';

const LOUDNESS = [
  ['off', 'As it is', 'Leave the loudness alone'],
  ['-16', '−16 LUFS', 'What podcasts are usually brought to'],
  ['-14', '−14 LUFS', 'What music services usually play at'],
] as const;

type Target = 'browser' | 'folder';

export function mountExport(root: HTMLElement, host: Host, _bus: Bus): () => void {
  const failures = new Failures();
  const chosen = { format: 'mp3', parts: 'whole' as (typeof PARTS)[number][0], loudness: '-16' as Loudness, target: 'browser' as Target };
  let working: AbortController | null = null;

  const format = h(
    'select',
    { class: 'vvnb-select', id: freshId('format'), onchange: () => (chosen.format = format.value) },
    ...FORMATS.map(([value, label]) => h('option', { value }, label)),
  );
  const parts = segments('Parts', PARTS, (value) => ((chosen.parts = value), update()));
  const loudness = segments<Loudness>('Loudness', LOUDNESS, (value) => (chosen.loudness = value));
  const target = segments<Target>(
    'Where to',
    [
      ['browser', 'Download'],
      ['folder', 'To a folder'],
    ],
    (value) => ((chosen.target = value), update()),
  );
  const srt = check('Subtitles, SRT', () => undefined);
  const vtt = check('Subtitles, WebVTT', () => undefined);
  const chapters = check('A chapter for each turn, in the file', () => undefined);
  const folder = h('input', { class: 'vvnb-input vvnb-mono', placeholder: 'exports', spellcheck: 'false', 'aria-label': 'Folder, as the kernel sees it' });
  const bar = progressBar('Export');
  const working_on = h('span', { class: 'vvnb-hint', role: 'status' });
  const go = button({ label: 'Export', icon: 'download', kind: 'primary', onclick: () => void run() });
  const stop = button({ label: 'Cancel', size: 'small', kind: 'quiet', onclick: () => working?.abort() });
  const progress = h('div', { class: 'vvnb-stack', 'data-tight': true, hidden: true }, h('div', { class: 'vvnb-row', 'data-nowrap': true }, h('span', { class: 'vvnb-grow' }, working_on), stop), bar.element);
  const done = h('div', { class: 'vvnb-slot', 'aria-live': 'polite' });
  const why = h('span', { class: 'vvnb-hint' });
  const section = h(
    'section',
    { class: 'vvnb-export', 'aria-label': 'Export' },
    h(
      'div',
      { class: 'vvnb-export-fields' },
      field('Format', format, format.id),
      field('Parts', parts.element, '', help('Parts', ...PARTS.map(([, label, about]) => `${label}: ${about}.`))),
      field('Loudness', loudness.element, '', help('Loudness', 'Brings the whole to a common loudness (LUFS), with true peaks below −1 dB, so that it sits well beside other programmes.')),
      field('Add', h('div', { class: 'vvnb-stack', 'data-tight': true }, srt.element, vtt.element, chapters.element)),
      field('Where to', h('div', { class: 'vvnb-stack' }, target.element, folder)),
    ),
    h('p', { class: 'vvnb-hint' }, 'A manifest goes with every export: model, seeds, settings and the words “generated speech”, also inside the audio file.'),
    h('div', { class: 'vvnb-row' }, go, why),
    progress,
    failures.element,
    done,
  );
  root.append(section);

  const update = (): void => {
    const turns = host.get<TurnState[]>('turns') ?? [];
    const spoken = turns.filter((turn) => turn.chosen !== null).length;
    parts.set(chosen.parts);
    loudness.set(chosen.loudness);
    target.set(chosen.target);
    format.value = chosen.format;
    folder.hidden = chosen.target !== 'folder';
    chapters.element.hidden = chosen.parts !== 'whole';
    go.disabled = spoken === 0 || working !== null;
    why.textContent = spoken === 0 ? 'Nothing has been spoken yet.' : spoken < turns.length ? `${count(turns.length - spoken, 'turn')} of ${turns.length} will be missing.` : '';
  };
  const run = async (): Promise<void> => {
    working = new AbortController();
    done.replaceChildren();
    progress.hidden = false;
    bar.set(null);
    working_on.textContent = 'Joining and encoding…';
    update();
    await failures.during(async () => {
      const { signal } = working!;
      const stopped = new Promise<null>((done) => signal.addEventListener('abort', () => done(null)));
      const written = host.channel.call('export', {
        format: chosen.format,
        parts: chosen.parts,
        loudness: chosen.loudness === 'off' ? null : Number(chosen.loudness),
        subtitles: [...(srt.input.checked ? ['srt'] : []), ...(vtt.input.checked ? ['vtt'] : [])],
        chapters: chapters.input.checked && chosen.parts === 'whole',
        folder: chosen.target === 'folder' ? folder.value.trim() || 'exports' : null,
      });
      const answer = await Promise.race([written, stopped]);
      if (!answer) return;
      const { result } = answer;
      const files = filesOf(result);
      if (chosen.target === 'browser' && !signal.aborted) {
        await download(host, files, signal, (file, part) => {
          bar.set(part);
          working_on.textContent = `Fetching ${file.name} (${bytes(file.size)})`;
        });
      }
      if (!signal.aborted) done.replaceChildren(report(files, chosen.target, String(result['folder'] ?? '')));
    });
    working = null;
    progress.hidden = true;
    update();
  };
  const disposers = new Disposers();
  disposers.add(watch(host, ['turns'], update), () => working?.abort(), () => section.remove());
  return disposers.dispose;
}

function field(label: string, content: HTMLElement, forId = '', about: HTMLElement | null = null): HTMLElement {
  const word = forId ? h('label', { for: forId }, label) : label;
  return h('div', { class: 'vvnb-field' }, h('div', { class: 'vvnb-label' }, word, about), content);
}

function report(files: readonly Written[], target: Target, folder: string): HTMLElement {
  const words = target === 'folder' ? `${count(files.length, 'file')} written to ${folder}` : `${count(files.length, 'file')} downloaded`;
  const rows = files.map((file) => h('li', null, h('span', { class: 'vvnb-mono vvnb-ellipsis' }, file.name), h('span', { class: 'vvnb-hint' }, bytes(file.size))));
  return note('good', [h('strong', null, words), h('ul', { class: 'vvnb-files' }, ...rows)]);
}
