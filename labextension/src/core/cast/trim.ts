/** Waveform of a voice with two handles; trimming keeps the part between them. */

import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { button, type Failures } from '../ui/elements';
import { SAMPLE_RATE, span } from '../ui/format';
import { waveform, type Waveform } from '../ui/waveform';
import { Disposers } from '../ui/disposers';
import type { SpeakerVoice } from '../host/traits';
import { t } from '../strings';

/** Shortest voice in samples; the kernel's checks reject less. */
const SHORTEST = 0.5 * SAMPLE_RATE;

const EDGES = ['start', 'stop'] as const;

export class Trimmer {
  readonly element: HTMLElement;
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  private samples = 0;
  private range: [number, number] = [0, 0];
  private shown = '';
  private readonly wave: Waveform;
  private readonly shades = EDGES.map(() => h('div', { class: 'vvnb-trim-shade' }));
  private readonly length = h('span', { class: 'vvnb-hint' });
  private readonly handles: HTMLElement[];
  private readonly track: HTMLElement;
  private readonly bar: HTMLElement;

  constructor(
    private readonly host: Host,
    private readonly label: string,
    private readonly failures: Failures,
  ) {
    this.wave = this.disposers.child(waveform(host, '--speaker-ink', 400));
    this.handles = EDGES.map((_, edge) => this.handle(edge as 0 | 1));
    this.track = h('div', { class: 'vvnb-trim' }, this.wave.element, ...this.shades, ...this.handles);
    this.bar = h(
      'div',
      { class: 'vvnb-row', hidden: true },
      this.length,
      h('span', { class: 'vvnb-grow' }),
      button({ label: t('cast.reset'), size: 'small', kind: 'quiet', onclick: () => this.reset() }),
      button({ label: t('cast.trim'), size: 'small', onclick: () => this.trim() }),
    );
    this.element = h('div', { class: 'vvnb-stack', 'data-tight': true }, this.track, this.bar);
  }

  show(samples: number, voice: SpeakerVoice, readOnly: boolean): void {
    this.track.toggleAttribute('data-fixed', voice.kind === 'built-in' || readOnly);
    this.wave.redraw();
    const key = `${voice.kind} ${voice.name} ${samples}`;
    if (key === this.shown) return;
    this.shown = key;
    this.samples = samples;
    this.wave.show(`voice:${this.label}`, samples);
    this.reset();
  }

  private handle(at: 0 | 1): HTMLElement {
    const handle = h('button', {
      type: 'button',
      role: 'slider',
      class: 'vvnb-trim-handle',
      'data-edge': EDGES[at],
      'aria-label': at ? t('cast.end_of', { speaker: this.label }) : t('cast.start_of', { speaker: this.label }),
      title: at ? t('cast.end_hint') : t('cast.start_hint'),
    });
    this.disposers.listen(handle, 'pointerdown', (event) => {
      event.preventDefault();
      handle.focus();
      handle.setPointerCapture(event.pointerId);
    });
    this.disposers.listen(handle, 'pointermove', (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const box = this.track.getBoundingClientRect();
      this.move(at, ((event.clientX - box.left) / box.width) * this.samples);
    });
    this.disposers.listen(handle, 'keydown', (event) => {
      const step = SAMPLE_RATE * (event.shiftKey ? 1 : 0.1);
      const from = this.range[at];
      const to = { ArrowLeft: from - step, ArrowRight: from + step, Home: 0, End: this.samples }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      this.move(at, to);
    });
    return handle;
  }

  private move(at: 0 | 1, to: number): void {
    const shortest = Math.min(SHORTEST, this.samples);
    const [start, stop] = this.range;
    if (at === 0) this.range = [Math.round(Math.min(Math.max(0, to), stop - shortest)), stop];
    else this.range = [start, Math.round(Math.max(Math.min(this.samples, to), start + shortest))];
    this.draw();
  }

  private reset(): void {
    this.range = [0, this.samples];
    this.draw();
  }

  private trim(): void {
    const [start, stop] = this.range;
    void this.failures.during(() => this.host.channel.call('trim_voice', { speaker: this.label, start, stop }));
  }

  private draw(): void {
    const { samples, range } = this;
    const percent = (value: number): string => `${samples ? (100 * value) / samples : 0}%`;
    this.shades[0]!.style.width = percent(range[0]);
    this.shades[1]!.style.width = percent(samples - range[1]);
    this.handles.forEach((handle, at) => {
      const seconds = range[at]! / SAMPLE_RATE;
      handle.style.insetInlineStart = percent(range[at]!);
      handle.setAttribute('aria-valuemin', '0');
      handle.setAttribute('aria-valuemax', (samples / SAMPLE_RATE).toFixed(1));
      handle.setAttribute('aria-valuenow', seconds.toFixed(1));
      handle.setAttribute('aria-valuetext', span(seconds));
    });
    this.bar.hidden = range[0] === 0 && range[1] === samples;
    this.length.textContent = t('cast.selected', {
      selected: span((range[1] - range[0]) / SAMPLE_RATE),
      total: span(samples / SAMPLE_RATE),
    });
  }
}
