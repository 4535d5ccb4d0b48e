/** Switch of the Studio's reading along: each sentence that is completed is spoken. Absent in the plain editor. */

import type { Host } from '../host/host';
import { t } from '../strings';
import { Disposers } from '../ui/disposers';
import { button } from '../ui/elements';

export class ReadAlong {
  readonly element = button({
    label: t('editor.read_along'),
    icon: 'volume',
    size: 'small',
    kind: 'quiet',
    pressed: false,
    title: t('editor.read_along_hint'),
    onclick: () => this.toggle(),
  });
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;

  constructor(private readonly host: Host) {
    this.disposers.add(host.on('read_along', () => this.render()));
    this.render();
  }

  /** Switch it on or off; returns false where there is none. */
  readonly toggle = (): boolean => {
    const on = this.host.get('read_along');
    if (on === undefined) return false;
    this.host.set('read_along', !on);
    this.render();
    return true;
  };

  private render(): void {
    const on = this.host.get('read_along');
    this.element.hidden = on === undefined;
    this.element.setAttribute('aria-pressed', String(on ?? false));
  }
}
