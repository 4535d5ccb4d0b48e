/** Preview of the export's loudness: the player plays the episode as it will be, and its loudness is shown. */

import { Disposers } from '../ui/disposers';
import { h } from '../ui/dom';
import { decibels } from '../ui/adjusting';
import { check, type Failures } from '../ui/elements';
import { Latest } from '../ui/latest';
import type { Bus, Host } from '../host/host';
import { t } from '../strings';

export class LoudnessPreview {
  readonly element: HTMLElement;
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  private target: number | null = null;
  private possible = false;
  /** Target and audio that the shown figure is of. */
  private measured = '';
  private readonly on = check(t('export.preview'), () => this.switched());
  private readonly figure = h('span', { class: 'vvnb-hint', role: 'status' });
  private readonly measuring: Latest<number>;

  constructor(
    private readonly host: Host,
    private readonly bus: Bus,
    failures: Failures,
  ) {
    this.element = h('div', { class: 'vvnb-stack', 'data-tight': true }, this.on.element, this.figure);
    this.measuring = new Latest(async (target) => {
      if (!(await failures.during(() => this.measure(target)))) this.figure.textContent = '';
    });
    this.disposers.add(
      host.on('take', () => this.refresh()),
      bus.on('loudness', ({ target }) => {
        this.on.input.checked = target !== null;
        this.refresh();
      }),
      () => this.on.input.checked && bus.emit('loudness', { target: null }),
    );
  }

  /** Show the export's target; null leaves the loudness as it is. */
  show(target: number | null, possible: boolean): void {
    const another = target !== this.target;
    this.target = target;
    this.possible = possible;
    this.on.input.disabled = target === null || !possible;
    if (this.on.input.checked && (another || !possible)) this.switched();
  }

  private switched(): void {
    const on = this.on.input.checked && this.target !== null && this.possible;
    this.bus.emit('loudness', { target: on ? this.target : null });
  }

  private refresh(): void {
    const { target } = this;
    if (!this.on.input.checked || target === null) {
      this.measured = '';
      this.figure.textContent = '';
      return;
    }
    const key = `${target} ${this.host.get('take')?.revision}`;
    if (key === this.measured) return;
    this.measured = key;
    this.figure.textContent = t('export.measuring');
    this.measuring.set(target);
  }

  private async measure(target: number): Promise<void> {
    const key = this.measured;
    const answer = await this.host.channel.call('loudness', { target }).catch((error: unknown) => {
      if (key === this.measured) throw error; // otherwise it was ended by a change of the episode
      return null;
    });
    if (!answer || key !== this.measured) return;
    const { result } = answer;
    const lufs = typeof result['lufs'] === 'number' ? result['lufs'] : null;
    const gain = Number(result['gain_db']);
    if (lufs === null) this.figure.textContent = t('export.no_loudness');
    else
      this.figure.textContent = t(result['limiting'] ? 'export.loudness_limited' : 'export.loudness_now', {
        lufs: lufs.toFixed(1).replace('-', '−'),
        gain: decibels(Number(gain.toFixed(1))),
      });
  }
}
