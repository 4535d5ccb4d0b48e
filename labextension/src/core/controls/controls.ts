/** How to speak, with what, and the button that does it. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { Disposers } from '../ui/watch';
import { mountModel } from './model';
import { mountSettings } from './settings';
import { mountTransport } from './generate_bar';

/** Settings and model; and the generate button, where the widget can generate. */
export function mountControls(root: HTMLElement, host: Host, bus: Bus): () => void {
  const place = h('div', { class: 'vvnb-controls vvnb-frame' });
  root.append(place);
  const disposers = new Disposers();
  disposers.add(mountSettings(place, host), mountModel(place, host), () => place.remove());
  if (host.get('job') !== undefined) disposers.add(mountTransport(place, host, bus));
  return disposers.dispose;
}
