/** The player: everything that can be heard in the notebook, with its waveform. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { button, failureNote, failureOf } from '../ui/elements';
import { icon } from '../ui/icons';
import { paletteOf, type Palette } from './color';
import { controls, type ControlActions, type Controls } from './toolbar';
import { TurnColors } from './draw';
import { answerKey } from './keys';
import type { TakeSummary } from '../host/traits';
import { turnAt } from './model';
import { Overview } from './overview';
import { KernelPeaks, levelFor, type PeakSource } from './peaks';
import { transportOf } from './shared';
import { Spectra, type Scale } from './spectrogram_tiles';
import { Stage } from './waveform_view';
import type { Transport } from './playback';
import { View } from './view';

/** Listen for live audio from the widget's beginning, before a player is seen. */
export function preparePlayer(host: Host, bus: Bus): () => void {
  return transportOf(host, bus).release;
}

export function mountPlayer(root: HTMLElement, host: Host, bus: Bus): () => void {
  const { transport, release } = transportOf(host, bus);
  const player = new Player(host, transport);
  root.append(player.element);
  player.start();
  return () => {
    player.dispose();
    release();
  };
}

class Player implements ControlActions {
  readonly element: HTMLElement;
  spectrum = false;
  private scale: Scale = 'mel';
  private follow = true;
  private readonly view = new View();
  private readonly bar: Controls;
  private readonly remarks = h('div', { class: 'vvnb-deck-remarks', 'aria-live': 'polite' });
  private readonly overview: Overview;
  private readonly stage: Stage;
  private palette!: Palette;
  private colors!: TurnColors;
  private shown = '';
  private peaks: PeakSource | null = null;
  private spectra: Spectra | null = null;
  private remarked = '';
  private frame = 0;
  private stale = true;
  /** The transport has changed since the last frame; audio may come more often than the page is painted. */
  private outdated = false;
  private readonly stops: (() => void)[] = [];

  constructor(
    private readonly host: Host,
    private readonly transport: Transport,
  ) {
    this.bar = controls(transport, this);
    this.overview = new Overview(transport);
    this.stage = new Stage(transport, this.view, () => this.moved());
    this.element = h(
      'section',
      { class: 'vvnb-deck', 'aria-label': 'Player', onkeydown: (event) => this.key(event) },
      this.bar.element,
      this.remarks,
      this.overview.element,
      this.stage.element,
    );
    Object.assign(this.element, { statistics: () => transport.statistics });
  }

  start(): void {
    this.retheme();
    // Its first call comes when the host has attached the element, and only there colors can be read.
    const resized = new ResizeObserver(() => {
      this.stage.measure();
      this.overview.measure();
      this.retheme();
    });
    resized.observe(this.element);
    const themed = new MutationObserver(() => this.retheme());
    for (const node of [document.documentElement, document.body]) themed.observe(node, { attributes: true });
    const system = matchMedia('(prefers-color-scheme: dark)');
    const retheme = (): void => this.retheme();
    system.addEventListener('change', retheme);
    this.stops.push(
      this.transport.watch(() => {
        this.outdated = true;
        this.invalidate();
      }),
      () => resized.disconnect(),
      () => themed.disconnect(),
      () => system.removeEventListener('change', retheme),
    );
    this.changed();
  }

  dispose(): void {
    for (const stop of this.stops) stop();
    cancelAnimationFrame(this.frame);
    this.peaks?.dispose();
    this.spectra?.dispose();
    this.element.remove();
  }

  toggleLoop(): void {
    const { transport } = this;
    const { loop, position, turns, length } = transport;
    const turn = turnAt(turns, position);
    if (loop) transport.setLoop(null);
    else transport.setLoop(turn ? { start: turn.start, stop: turn.stop } : { start: 0, stop: length });
  }

  zoom(factor: number): void {
    const x = this.view.xOf(this.transport.position);
    this.view.zoom(factor, x >= 0 && x <= this.stage.width ? x : undefined);
    this.moved();
  }

  fit(): void {
    this.view.fit();
    this.moved();
  }

  setFollow(on: boolean): void {
    this.follow = on;
    this.changed();
  }

  setSpectrum(on: boolean): void {
    this.spectrum = on;
    this.changed();
  }

  setScale(scale: Scale): void {
    this.scale = scale;
    this.changed();
  }

  private key(event: KeyboardEvent): void {
    if (!answerKey(event, this.transport, this)) return;
    event.preventDefault();
    event.stopPropagation();
    if (!this.transport.playing) this.view.reveal(this.transport.position);
    this.invalidate();
  }

  private retheme(): void {
    this.palette = paletteOf(this.element);
    this.colors = new TurnColors(this.palette);
    this.invalidate();
  }

  private moved(): void {
    this.updateBar();
    this.invalidate();
  }

  private updateBar(): void {
    const { follow, spectrum, scale } = this;
    this.bar.update({ whole: this.view.whole, follow, spectrum, scale });
  }

  private changed(): void {
    this.outdated = false;
    this.refresh(this.transport.summary);
    this.view.resize(Math.max(1, this.stage.width), this.transport.length);
    this.updateBar();
    this.remark();
    this.element.toggleAttribute('data-empty', this.transport.length === 0);
    this.invalidate();
  }

  /** Another source, or another revision of it: what was fetched is void. */
  private refresh(summary: TakeSummary | null): void {
    const { channel } = this.host;
    const live = this.transport.showing === 'live';
    const shown = summary ? `${this.transport.showing} ${summary.source} ${summary.revision}` : '';
    const redraw = (): void => this.invalidate();
    if (shown !== this.shown) {
      const another = this.shown.split(' ')[1] !== shown.split(' ')[1];
      this.shown = shown;
      this.peaks?.dispose();
      this.peaks = summary && (live ? this.transport.livePeaks : new KernelPeaks(channel, summary, redraw));
      this.spectra?.dispose();
      this.spectra = null;
      this.view.resize(Math.max(1, this.stage.width), this.transport.length);
      if (another) this.view.fit();
    }
    const wanted = this.spectrum && !live && summary !== null;
    if (this.spectra && (!wanted || this.spectra.scale !== this.scale)) {
      this.spectra.dispose();
      this.spectra = null;
    }
    if (wanted && summary) this.spectra ??= new Spectra(channel, summary, this.scale, redraw);
  }

  private remark(): void {
    const { transport } = this;
    const { showing, summary, failure, blocked, growing, playing } = transport;
    const got = failure ? failureOf(failure).got : '';
    const state = [showing, summary?.source, got, blocked, growing, playing && growing].join();
    if (state === this.remarked) return;
    this.remarked = state;
    const remarks: Node[] = [];
    if (!summary) remarks.push(h('span', { class: 'vvnb-hint' }, 'Nothing to hear yet.'));
    if (failure) remarks.push(failureNote(failureOf(failure), () => transport.fail(null)));
    if (showing === 'audition') remarks.push(this.badge('audition', summary?.name ?? '', 'Back to episode'));
    if (showing === 'live') remarks.push(this.badge('live', growing ? 'Live: being made now' : 'Just made', 'Episode'));
    if (blocked || (showing === 'live' && !playing && growing)) {
      const onclick = (): void => transport.toggle();
      const listen = button({ label: 'Listen', icon: 'play', size: 'small', kind: 'primary', onclick });
      remarks.push(h('span', { class: 'vvnb-hint' }, 'The browser wants a click before it plays.'), listen);
    }
    this.remarks.replaceChildren(...remarks);
  }

  private badge(kind: string, text: string, back: string): HTMLElement {
    const onclick = (): void => this.transport.back();
    const home = button({ label: back, icon: 'back', size: 'small', kind: 'quiet', onclick });
    const tone = kind === 'live' ? 'danger' : 'accent';
    const name = h('span', { class: 'vvnb-badge', 'data-tone': tone }, icon('wave'), text);
    return h('div', { class: 'vvnb-deck-badge', 'data-showing': kind }, name, home);
  }

  private invalidate(stale = true): void {
    this.stale ||= stale;
    this.frame ||= requestAnimationFrame(() => this.paint());
  }

  private paint(): void {
    this.frame = 0;
    if (this.outdated) this.changed();
    const { transport, view, stage, overview } = this;
    const position = transport.position;
    if (transport.playing && this.follow && view.follow(position)) this.stale = true;
    const { stale } = this;
    this.stale = false;
    if (stage.width === 0) return; // hidden: drawn when it is shown, which resizes it
    if (stale) this.draw();
    stage.mark(position, this.colors, stale);
    overview.mark(position, view);
    this.bar.showTime(position);
    if (transport.playing) this.invalidate(false);
  }

  private draw(): void {
    const { transport, peaks, stage, overview } = this;
    this.view.resize(stage.width, transport.length);
    overview.resize();
    const loudest = peaks && transport.length > 0 ? overview.loudest(peaks, levelFor) : 0;
    stage.draw(peaks, this.spectra, this.colors, loudest);
    overview.draw(peaks, this.colors, loudest);
    peaks?.settle();
  }
}
