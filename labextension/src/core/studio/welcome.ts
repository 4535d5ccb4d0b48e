/** Over an empty script: how to begin. */

import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { button } from '../ui/elements';
import { watch } from '../ui/watch';

const EXAMPLE = `Speaker 1: Good morning, and welcome to our little show.
Speaker 2: Thank you, it is very nice to be here.
Speaker 1: Tell me, what did you do this morning?
Speaker 2: I made some coffee and went for a walk by the river.
`;

export function mountWelcome(root: HTMLElement, host: Host): () => void {
  const element = h(
    'div',
    { class: 'vvnb-welcome' },
    h('span', null, 'One line for each turn: a name, a colon, what is said.'),
    button({
      label: 'Two speakers, ten seconds',
      icon: 'file',
      size: 'small',
      title: 'Begin with an example',
      onclick: () => host.set('script', EXAMPLE),
    }),
  );
  root.append(element);
  const stop = watch(host, ['script', 'project'], () => {
    element.hidden = (host.get('script') ?? '').trim() !== '' || (host.get('project')?.read_only ?? false);
  });
  return () => {
    stop();
    element.remove();
  };
}
