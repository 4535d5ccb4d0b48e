/** Notices of the Studio: the kernel is lost, the project is read-only, messages from the kernel. */

import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { t } from '../strings';
import { Disposers, type Dispose } from '../ui/disposers';
import { note, type Tone } from '../ui/elements';
import { watch } from '../ui/watch';

/** Time a starting kernel may take before it counts as lost, milliseconds. */
const PATIENCE_MS = 4000;

/** Number of notices kept; older ones are removed. */
const MOST_NOTICES = 3;

const TONES: Record<string, Tone> = { error: 'danger', warning: 'warning', info: 'accent' };

export function mountNotices(root: HTMLElement, host: Host): Dispose {
  const lost = h('div', { class: 'vvnb-slot', role: 'status' });
  const project = h('div', { class: 'vvnb-slot' });
  const notices = h('div', { class: 'vvnb-slot', 'aria-live': 'polite' });
  root.append(lost, project, notices);

  let timer = 0;
  const showLost = (): void => {
    const advice = t('studio.kernel_advice', { advice: host.whenLost ?? t('studio.run_cell_again') });
    lost.replaceChildren(note('warning', [h('strong', null, t('studio.kernel_silent')), ` ${advice}`]));
  };
  const connection = (connected: boolean): void => {
    clearTimeout(timer);
    lost.replaceChildren();
    if (!connected) timer = window.setTimeout(showLost, PATIENCE_MS);
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
    watch(host, ['project_state'], () => {
      const { read_only: readOnly = false, holder = '' } = host.get('project_state') ?? {};
      const text = holder || (readOnly ? t('studio.read_only') : '');
      project.replaceChildren(...(text ? [note(readOnly ? 'warning' : 'accent', [text])] : []));
    }),
  );
  return disposers.dispose;
}
