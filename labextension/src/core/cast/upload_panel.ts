/** Upload of a recording for a speaker: chosen or dropped on the card; sent in chunks, with progress and Cancel. */

import { upload } from '../audio/upload';
import { h } from '../ui/dom';
import { CallError } from '../host/channel';
import type { Host } from '../host/host';
import { button, type Failures, progressBar } from '../ui/elements';
import { bytes } from '../ui/format';
import type { Dispose } from '../ui/disposers';
import { t } from '../strings';
import { acceptFiles } from './drag';

export interface UploadPanel {
  button: HTMLButtonElement;
  element: HTMLElement;
  /** Accept files dropped on an element. */
  acceptDrops(target: HTMLElement): Dispose;
}

/** Limit of the kernel, checked here before the upload. */
const LARGEST = 64 * 2 ** 20;

/** Upload a speaker's recording, showing progress in `place`. */
export async function sendVoice(
  host: Host,
  speaker: string,
  file: Blob & { name?: string },
  kind: 'upload' | 'recording',
  place: HTMLElement,
): Promise<void> {
  const name = file.name ?? t('cast.the_recording');
  if (file.size > LARGEST)
    throw new CallError(
      t('cast.too_large', { file: name, size: bytes(file.size) }),
      t('cast.too_large_expected', { size: bytes(LARGEST) }),
      t('cast.too_large_remedy'),
    );
  if (!file.size)
    throw new CallError(t('cast.empty', { file: name }), t('cast.empty_expected'), t('cast.empty_remedy'));
  const bar = progressBar(t('cast.uploading', { file: name }));
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
        t('cast.uploading_size', { file: name, size: bytes(file.size) }),
      ),
      button({ label: t('cast.cancel'), size: 'small', kind: 'quiet', onclick: () => stop.abort() }),
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
      onprogress: (done) => bar.set(done < 1 ? done : null), // the kernel checks it then
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
    'aria-label': t('cast.recording_for', { speaker: label }),
    onchange: () => {
      send(chooser.files?.[0]);
      chooser.value = '';
    },
  });
  const opener = button({
    label: t('cast.upload'),
    icon: 'upload',
    size: 'small',
    title: t('cast.upload_hint'),
    onclick: () => chooser.click(),
  });
  return {
    button: opener,
    element,
    acceptDrops(target) {
      target.append(chooser);
      return acceptFiles(target, () => !opener.disabled, send);
    },
  };
}
