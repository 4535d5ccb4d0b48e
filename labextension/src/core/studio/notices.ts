/** What a person should know now: the kernel is gone, the project is read-only, something happened. */

import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { note, type Tone } from '../ui/elements';
import { Disposers, watch } from '../ui/watch';

/** A kernel that starts up may need this long before its silence means anything. */
const PATIENCE_MS = 4000;

/** Older notices make room for newer ones. */
const MOST_NOTICES = 3;

const TONES: Record<string, Tone> = { error: 'danger', warning: 'warning', info: 'accent' };

export function mountNotices(root: HTMLElement, host: Host): () => void {
  const lost = h('div', { class: 'vvnb-slot', role: 'status' });
  const project = h('div', { class: 'vvnb-slot' });
  const notices = h('div', { class: 'vvnb-slot', 'aria-live': 'polite' });
  root.append(lost, project, notices);

  let timer = 0;
  const connection = (connected: boolean): void => {
    clearTimeout(timer);
    lost.replaceChildren();
    if (connected) return;
    timer = window.setTimeout(() => {
      lost.replaceChildren(
        note('warning', [
          h('strong', null, 'The kernel does not answer. '),
          `The audio generated so far is kept on disk. ${host.whenLost ?? 'Once a kernel runs, run the cell again'}.`,
        ]),
      );
    }, PATIENCE_MS);
  };
  connection(host.channel.connected);
  const disposers = new Disposers();
  disposers.add(
    () => clearTimeout(timer),
    host.channel.onConnection(connection),
    host.channel.on('notice', ({ severity, text }) => {
      const element = note(TONES[severity] ?? 'accent', [text], () => element.remove());
      const same = [...notices.children].find((other) => other.textContent === element.textContent);
      (same ?? (notices.childElementCount >= MOST_NOTICES ? notices.firstElementChild : null))?.remove();
      notices.append(element);
    }),
    watch(host, ['project'], () => {
      const { read_only: readOnly = false, note: words = '' } = host.get('project') ?? {};
      const text = words || (readOnly ? 'This project is open for reading only.' : '');
      project.replaceChildren(...(text ? [note(readOnly ? 'warning' : 'accent', [text])] : []));
    }),
  );
  return disposers.dispose;
}
