/** Waveform of a voice with two handles; trimming keeps the part between them. */

import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { button, type Failures } from '../ui/elements';
import { SAMPLE_RATE, span } from '../ui/format';
import { Disposers } from '../ui/disposers';
import { TrimHandles } from '../ui/trim_handles';
import type { SpeakerVoice } from '../host/traits';
import { t } from '../strings';

/** Shortest voice in samples; the kernel's checks reject less. */
const SHORTEST = 0.5 * SAMPLE_RATE;

export class Trimmer {
  readonly element: HTMLElement;
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  private samples = 0;
  private shown = '';
  private fixed = false;
  private readonly length = h('span', { class: 'vvnb-hint' });
  private readonly handles: TrimHandles;
  private readonly bar: HTMLElement;

  constructor(
    private readonly host: Host,
    private readonly label: string,
    private readonly failures: Failures,
  ) {
    this.handles = this.disposers.child(
      new TrimHandles(host, {
        labels: [t('cast.start_of', { speaker: label }), t('cast.end_of', { speaker: label })],
        hints: [t('cast.start_hint'), t('cast.end_hint')],
        least: SHORTEST,
        step: 0.1,
        digits: 1,
        onmove: () => this.draw(),
      }),
    );
    this.bar = h(
      'div',
      { class: 'vvnb-row', hidden: true },
      this.length,
      h('span', { class: 'vvnb-grow' }),
      button({ label: t('cast.reset'), size: 'small', kind: 'quiet', onclick: () => this.reset() }),
      button({ label: t('cast.trim'), size: 'small', onclick: () => this.trim() }),
    );
    this.element = h('div', { class: 'vvnb-stack', 'data-tight': true }, this.handles.element, this.bar);
  }

  show(samples: number, voice: SpeakerVoice, readOnly: boolean): void {
    this.fixed = voice.kind === 'built-in' || readOnly;
    const key = `${voice.kind} ${voice.name} ${samples}`;
    const another = key !== this.shown;
    this.shown = key;
    this.samples = samples;
    if (another) this.reset();
    else this.place(this.handles.range);
  }

  private reset(): void {
    this.place([0, this.samples]);
  }

  private place(range: readonly [number, number]): void {
    this.handles.show(`voice:${this.label}`, this.samples, range, this.fixed, this.shown);
    this.draw();
  }

  private trim(): void {
    const [start, stop] = this.handles.range;
    void this.failures.during(() => this.host.channel.call('trim_voice', { speaker: this.label, start, stop }));
  }

  private draw(): void {
    const { samples } = this;
    const [start, stop] = this.handles.range;
    this.bar.hidden = start === 0 && stop === samples;
    this.length.textContent = t('cast.selected', {
      selected: span((stop - start) / SAMPLE_RATE),
      total: span(samples / SAMPLE_RATE),
    });
  }
}
