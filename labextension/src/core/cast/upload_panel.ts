/** Giving a speaker a recording: chosen, or dropped on the card; sent in chunks, with progress and a way to stop. */

import { upload } from '../audio/upload';
import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { button, type Failures, progressBar } from '../ui/elements';
import { bytes } from '../ui/format';

export interface UploadPanel {
  button: HTMLButtonElement;
  element: HTMLElement;
  acceptDrops(target: HTMLElement): () => void;
}

/** The kernel refuses more; saying so here spares the person the wait. */
const LARGEST = 64 * 2 ** 20;

/** Send a voice for a speaker, showing how far it is. */
export async function sendVoice(
  host: Host,
  speaker: string,
  file: Blob & { name?: string },
  kind: 'upload' | 'recording',
  place: HTMLElement,
): Promise<void> {
  if (file.size > LARGEST) {
    throw {
      got: `${file.name ?? 'the recording'} has ${bytes(file.size)}`,
      expected: `at most ${bytes(LARGEST)}`,
      remedy: 'cut out the best 10 to 30 seconds, or save it as FLAC or MP3',
    };
  }
  if (!file.size)
    throw { got: `${file.name ?? 'the recording'} is empty`, expected: 'a recording', remedy: 'choose another file' };
  const bar = progressBar(`Sending ${file.name ?? 'the recording'}`);
  const stop = new AbortController();
  const panel = h(
    'div',
    { class: 'vvnb-stack', 'data-tight': true },
    h(
      'div',
      { class: 'vvnb-row', 'data-nowrap': true },
      h(
        'span',
        { class: 'vvnb-hint vvnb-ellipsis vvnb-grow' },
        `Sending ${file.name ?? 'the recording'} (${bytes(file.size)})`,
      ),
      button({ label: 'Cancel', size: 'small', kind: 'quiet', onclick: () => stop.abort() }),
    ),
    bar.element,
  );
  place.replaceChildren(panel);
  bar.set(0);
  try {
    await upload(host.channel, file, {
      name: file.name ?? 'recording',
      kind,
      speaker,
      signal: stop.signal,
      onprogress: (done) => bar.set(done < 1 ? done : null), // then the kernel listens to it and checks it
    });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    panel.remove();
  }
}

export function uploadPanel(host: Host, label: string, failures: Failures): UploadPanel {
  const element = h('div', { class: 'vvnb-slot' });
  const send = (file: File | undefined): void => {
    if (file) void failures.during(() => sendVoice(host, label, file, 'upload', element));
  };
  const chooser = h('input', {
    type: 'file',
    accept: 'audio/*,.wav,.flac,.mp3,.ogg,.opus,.m4a,.aac,.webm,.mp4',
    hidden: true,
    tabindex: -1,
    'aria-label': `Recording for ${label}`,
    onchange: () => {
      send(chooser.files?.[0]);
      chooser.value = '';
    },
  });
  const opener = button({
    label: 'Upload',
    icon: 'upload',
    size: 'small',
    title: 'A recording of 5 to 30 seconds; you can also drop a file on this card',
    onclick: () => chooser.click(),
  });
  return {
    button: opener,
    element,
    acceptDrops(target) {
      target.append(chooser);
      let depth = 0;
      const files = (event: DragEvent): boolean =>
        !opener.disabled && (event.dataTransfer?.types.includes('Files') ?? false);
      const mark = (change: number): void => {
        depth = Math.max(0, depth + change);
        target.toggleAttribute('data-drop', depth > 0);
      };
      const listeners: Record<string, (event: DragEvent) => void> = {
        dragenter: (event) => files(event) && mark(1),
        dragleave: (event) => files(event) && mark(-1),
        dragover: (event) => files(event) && event.preventDefault(),
        drop: (event) => {
          if (!files(event)) return;
          event.preventDefault();
          event.stopPropagation();
          depth = 0;
          mark(0);
          send(event.dataTransfer?.files[0]);
        },
      };
      const entries = Object.entries(listeners) as [string, EventListener][];
      for (const [name, listener] of entries) target.addEventListener(name, listener);
      return () => {
        for (const [name, listener] of entries) target.removeEventListener(name, listener);
      };
    },
  };
}
