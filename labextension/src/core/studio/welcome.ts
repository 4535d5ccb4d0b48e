/** Welcome above an empty script: the format, and examples that are generated with one click. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { t } from '../strings';
import { blockingReason } from '../controls/readiness';
import { Disposers, type Dispose } from '../ui/disposers';
import { button } from '../ui/elements';
import { watch } from '../ui/watch';
import { EXAMPLES } from './examples';

/** Time the kernel may take to read an example before Generate is left to the user, milliseconds. */
const PATIENCE_MS = 10_000;

export function mountWelcome(root: HTMLElement, host: Host, bus: Bus): Dispose {
  const disposers = new Disposers();
  /** The example just chosen, to be generated once the kernel has read it; null if there is none. */
  let chosen: string | null = null;
  let timer = 0;
  const use = (script: string): void => {
    chosen = script;
    clearTimeout(timer);
    timer = window.setTimeout(() => (chosen = null), PATIENCE_MS);
    host.set('script', script);
  };
  const examples = EXAMPLES.map(({ title, script }) =>
    button({ label: t(title), icon: 'play', size: 'small', onclick: () => use(script) }),
  );
  const element = h(
    'div',
    { class: 'vvnb-welcome' },
    h('span', null, t('studio.welcome')),
    h(
      'div',
      { class: 'vvnb-row', role: 'group', 'aria-label': t('studio.example'), title: t('studio.example_hint') },
      h('span', null, t('studio.example')),
      ...examples,
    ),
  );
  root.append(element);
  disposers.add(
    watch(host, ['script', 'project_state', 'turns', 'speakers', 'diagnostics'], () => {
      const script = host.get('script') ?? '';
      element.hidden = script.trim() !== '' || (host.get('project_state')?.read_only ?? false);
      if (chosen === null) return;
      if (script !== chosen && script !== '')
        chosen = null; // edited in the meantime
      else if (script === chosen && host.get('turns')?.length && !blockingReason(host)) {
        chosen = null;
        bus.emit('act', { action: 'generate' });
      }
    }),
    () => clearTimeout(timer),
    () => element.remove(),
  );
  return disposers.dispose;
}
