/** Upload of a recording for a speaker: chosen or dropped on the card; sent in chunks, with progress and Cancel. */

import { upload } from '../audio/upload';
import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { button, type Failures } from '../ui/elements';
import { AUDIO_FILES, sending } from '../ui/sending';
import type { Dispose } from '../ui/disposers';
import { acceptFiles } from '../ui/drops';
import { t } from '../strings';

export interface UploadPanel {
  button: HTMLButtonElement;
  element: HTMLElement;
  /** Accept files dropped on an element. */
  acceptDrops(target: HTMLElement): Dispose;
}

/** Upload a speaker's recording, showing progress in `place`. */
export async function sendVoice(
  host: Host,
  speaker: string,
  file: Blob & { name?: string },
  kind: 'upload' | 'recording',
  place: HTMLElement,
): Promise<void> {
  const how = { name: file.name ?? t('cast.the_recording'), tooLarge: t('cast.too_large_remedy'), place };
  await sending(file, how, (signal, onprogress) =>
    upload(host.channel, file, { name: file.name ?? 'recording', kind, speaker, signal, onprogress }),
  );
}

export function uploadPanel(host: Host, label: string, failures: Failures): UploadPanel {
  const element = h('div', { class: 'vvnb-slot' });
  const send = (file: File | undefined): void => {
    if (file) void failures.during(() => sendVoice(host, label, file, 'upload', element));
  };
  const chooser = h('input', {
    type: 'file',
    accept: `${AUDIO_FILES},.pt,.safetensors`, // or a voice prompt
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
