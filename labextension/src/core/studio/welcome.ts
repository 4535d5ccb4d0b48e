/** Welcome above an empty script: the format, and an example. */

import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { t } from '../strings';
import { Disposers, type Dispose } from '../ui/disposers';
import { button } from '../ui/elements';
import { watch } from '../ui/watch';

// English in every language: the embedded model speaks nothing else.
const EXAMPLE = `Speaker 1: Good morning, and welcome to our little show.
Speaker 2: Thank you, it is very nice to be here.
Speaker 1: Tell me, what did you do this morning?
Speaker 2: I made some coffee and went for a walk by the river.
`;

export function mountWelcome(root: HTMLElement, host: Host): Dispose {
  const element = h(
    'div',
    { class: 'vvnb-welcome' },
    h('span', null, t('studio.welcome')),
    button({
      label: t('studio.example'),
      icon: 'file',
      size: 'small',
      title: t('studio.example_hint'),
      onclick: () => host.set('script', EXAMPLE),
    }),
  );
  root.append(element);
  const disposers = new Disposers();
  disposers.add(
    watch(host, ['script', 'project_state'], () => {
      element.hidden = (host.get('script') ?? '').trim() !== '' || (host.get('project_state')?.read_only ?? false);
    }),
    () => element.remove(),
  );
  return disposers.dispose;
}
