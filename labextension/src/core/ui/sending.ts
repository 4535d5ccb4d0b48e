/** Upload of a file with its limits, progress and Cancel. */

import { CallError } from '../host/channel';
import { t } from '../strings';
import { h } from './dom';
import { button, progressBar } from './elements';
import { bytes } from './format';

/** Audio files to offer in a file dialog. */
export const AUDIO_FILES = 'audio/*,.wav,.flac,.mp3,.ogg,.opus,.m4a,.aac,.webm,.mp4';

/** Limit of the kernel, checked here before the upload. */
const LARGEST = 64 * 2 ** 20;

export interface Sending {
  /** Name of the file, to show. */
  name: string;
  /** Remedy for a file that is too large. */
  tooLarge: string;
  /** Element that shows the progress. */
  place: HTMLElement;
}

/** Check a file's size, and call `send` with a signal for Cancel and a function for the progress. */
export async function sending(
  file: Blob,
  { name, tooLarge, place }: Sending,
  send: (signal: AbortSignal, onprogress: (done: number) => void) => Promise<unknown>,
): Promise<void> {
  if (file.size > LARGEST)
    throw new CallError(
      t('common.too_large', { file: name, size: bytes(file.size) }),
      t('common.too_large_expected', { size: bytes(LARGEST) }),
      tooLarge,
    );
  if (!file.size)
    throw new CallError(t('common.empty', { file: name }), t('common.empty_expected'), t('common.empty_remedy'));
  const bar = progressBar(t('common.uploading', { file: name }));
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
        t('common.uploading_size', { file: name, size: bytes(file.size) }),
      ),
      button({ label: t('common.cancel'), size: 'small', kind: 'quiet', onclick: () => stop.abort() }),
    ),
    bar.element,
  );
  place.replaceChildren(panel);
  bar.set(0);
  try {
    await send(stop.signal, (done) => bar.set(done < 1 ? done : null)); // the kernel decodes it then
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    panel.remove();
  }
}
