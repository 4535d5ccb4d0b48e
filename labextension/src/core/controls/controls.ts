/** Controls panel: settings, model, and the generate bar. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { Disposers, type Dispose } from '../ui/disposers';
import { mountModel } from './model';
import { mountSettings } from './settings';
import { mountGenerateBar } from './generate_bar';

/** Mount settings and model, and the generate bar if the widget can generate. */
export function mountControls(root: HTMLElement, host: Host, bus: Bus): Dispose {
  const element = h('div', { class: 'vvnb-controls vvnb-frame' });
  root.append(element);
  const disposers = new Disposers();
  disposers.child(mountSettings(element, host));
  disposers.child(mountModel(element, host));
  if (host.get('job') !== undefined) disposers.child(mountGenerateBar(element, host, bus));
  disposers.add(() => element.remove());
  return disposers.dispose;
}
