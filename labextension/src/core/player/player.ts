/** Player: toolbar, overview and waveform view of one playback. */

import { SAMPLE_RATE } from '../audio/resample';
import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { t } from '../strings';
import { Disposers } from '../ui/disposers';
import { button, failureNote, failureOf } from '../ui/elements';
import { icon } from '../ui/icons';
import { paletteOf, type Palette } from './color';
import type { ControlActions } from './actions';
import { controls, type Controls } from './toolbar';
import { TurnColors } from './draw';
import { marksOf, type HeardMark } from './heard_marks';
import { answerKey } from './keys';
import type { TakeSummary } from '../host/traits';
import { baseOf, turnAt } from './model';
import { Overview } from './overview';
import type { Scale } from './frequencies';
import { KernelPeaks, levelFor, type PeakSource } from './peaks';
import { playbackOf } from './shared';
import { SpectrogramTiles } from './spectrogram_tiles';
import { WaveformView } from './waveform_view';
import type { Playback } from './playback';
import { View } from './view';
import { WordLine } from './words';
import { recallShown, rememberCollapsed, rememberShare, rememberViews, VIEWS, type Views } from './views';

/** Listen for live audio before a player is mounted. */
export function preparePlayer(host: Host, bus: Bus): () => void {
  return playbackOf(host, bus).release;
}

export function mountPlayer(root: HTMLElement, host: Host, bus: Bus): () => void {
  const { playback, release } = playbackOf(host, bus);
  const disposers = new Disposers();
  const player = disposers.child(new Player(host, bus, playback));
  root.append(player.element);
  player.start();
  disposers.add(release);
  return disposers.dispose;
}

/** Range shown while audio is generated, samples: its scale stays fixed. */
const LIVE_SPAN = 20 * SAMPLE_RATE;

class Player implements ControlActions {
  readonly element: HTMLElement;
  private scale: Scale = 'mel';
  private follow = true;
  private readonly view = new View();
  private readonly shown = recallShown();
  private readonly bar: Controls;
  private readonly notices = h('div', { class: 'vvnb-deck-notices', 'aria-live': 'polite' });
  private readonly overview: Overview;
  private readonly waveform: WaveformView;
  private readonly words: WordLine;
  private palette!: Palette;
  private colors!: TurnColors;
  private heard: readonly HeardMark[] = [];
  /** Summary that `heard` is of; undefined if it is outdated. */
  private heardIn: TakeSummary | null | undefined;
  private drawn = '';
  private peaks: PeakSource | null = null;
  private spectrogram: SpectrogramTiles | null = null;
  private noticed = '';
  private frame = 0;
  private stale = true;
  /** The playback changed since the last frame; audio may arrive more often than the page is painted. */
  private outdated = false;
  private readonly disposers = new Disposers();

  constructor(
    private readonly host: Host,
    private readonly bus: Bus,
    private readonly playback: Playback,
  ) {
    this.bar = controls(playback, this);
    this.overview = new Overview(playback);
    this.waveform = new WaveformView(
      playback,
      this.view,
      this.shown,
      () => this.moved(),
      () => rememberShare(this.shown.share),
    );
    this.words = new WordLine((sample) => playback.goTo(sample));
    this.element = h(
      'section',
      { class: 'vvnb-deck', 'aria-label': t('player.title'), onkeydown: (event) => this.key(event) },
      this.bar.element,
      this.notices,
      this.overview.element,
      this.waveform.element,
      this.words.element,
    );
    Object.assign(this.element, { statistics: () => playback.statistics });
  }

  start(): void {
    this.arrange();
    this.retheme();
    // The first call comes once the element is attached; before that, colors cannot be read.
    const resized = new ResizeObserver(() => {
      this.waveform.measure();
      this.overview.measure();
      this.retheme();
    });
    resized.observe(this.element);
    resized.observe(this.waveform.element); // a notice above it comes and goes in a pane of one size
    const themed = new MutationObserver(() => this.retheme());
    for (const node of [document.documentElement, document.body]) themed.observe(node, { attributes: true });
    this.disposers.listen(matchMedia('(prefers-color-scheme: dark)'), 'change', () => this.retheme());
    this.disposers.add(
      this.playback.watch(() => {
        this.outdated = true;
        this.invalidate();
      }),
      ...(['turns', 'takes', 'reviews', 'listen_back'] as const).map((name) =>
        this.host.on(name, () => {
          this.heardIn = undefined;
          this.invalidate();
        }),
      ),
      () => resized.disconnect(),
      () => themed.disconnect(),
      () => cancelAnimationFrame(this.frame),
      () => this.peaks?.dispose(),
      () => this.spectrogram?.dispose(),
      () => this.element.remove(),
    );
    this.changed();
  }

  dispose(): void {
    this.disposers.dispose();
  }

  toggleLoop(): void {
    const { playback } = this;
    const { loop, position, turns, length } = playback;
    const turn = turnAt(turns, position);
    if (loop) playback.setLoop(null);
    else playback.setLoop(turn ? { start: turn.start, stop: turn.stop } : { start: 0, stop: length });
  }

  zoom(factor: number): void {
    const x = this.view.xOf(this.playback.position);
    this.view.zoom(factor, x >= 0 && x <= this.waveform.width ? x : undefined);
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

  setViews(views: Views): void {
    this.shown.views = views;
    rememberViews(views);
    this.setCollapsed(false);
  }

  nextViews(): void {
    const at = this.shown.collapsed ? -1 : VIEWS.indexOf(this.shown.views);
    this.setViews(VIEWS[(at + 1) % VIEWS.length]!);
  }

  setCollapsed(on: boolean): void {
    if (on !== this.shown.collapsed) rememberCollapsed(on);
    this.shown.collapsed = on;
    this.arrange();
    this.changed();
  }

  /** Apply what is shown to the element, and measure it. */
  private arrange(): void {
    this.element.dataset['views'] = this.shown.views;
    this.element.toggleAttribute('data-collapsed', this.shown.collapsed);
    this.waveform.measure();
  }

  setScale(scale: Scale): void {
    this.scale = scale;
    this.changed();
  }

  private key(event: KeyboardEvent): void {
    if (!answerKey(event, this.playback, this)) return;
    event.preventDefault();
    event.stopPropagation();
    if (!this.playback.playing) this.view.reveal(this.playback.position);
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
    const { follow, scale } = this;
    const { views, live, collapsed } = this.shown;
    this.bar.update({ whole: this.view.whole, follow, scale, views, live, collapsed });
  }

  private changed(): void {
    this.outdated = false;
    this.refresh(this.playback.summary);
    const live = this.playback.showing === 'live';
    if (this.words.update(this.playback.turns) || live !== this.shown.live) {
      this.shown.live = live;
      this.waveform.measure();
    }
    this.view.resize(Math.max(1, this.waveform.width), this.playback.length);
    this.updateBar();
    this.updateNotices();
    this.element.toggleAttribute('data-empty', this.playback.length === 0);
    this.invalidate();
  }

  /** Discard fetched peaks and tiles when the source or its revision changes. */
  private refresh(summary: TakeSummary | null): void {
    const { channel } = this.host;
    const live = this.playback.showing === 'live';
    const key = summary ? `${this.playback.showing} ${summary.source} ${summary.revision}` : '';
    const redraw = (): void => this.invalidate();
    if (key !== this.drawn) {
      const [before, now] = [this.drawn, key].map((one) => baseOf(one.split(' ')[1] ?? ''));
      const another = before !== now;
      this.drawn = key;
      this.peaks?.dispose();
      this.peaks = summary && (live ? this.playback.livePeaks : new KernelPeaks(channel, summary, redraw));
      this.spectrogram?.dispose();
      this.spectrogram = null;
      this.view.resize(Math.max(1, this.waveform.width), this.playback.length);
      if (another && live) this.view.fix(LIVE_SPAN);
      else if (another) this.view.fit();
    }
    const { views, collapsed } = this.shown;
    const wanted = views !== 'waveform' && !collapsed && !live && summary !== null;
    if (this.spectrogram && (!wanted || this.spectrogram.scale !== this.scale)) {
      this.spectrogram.dispose();
      this.spectrogram = null;
    }
    if (wanted && summary) this.spectrogram ??= new SpectrogramTiles(channel, summary, this.scale, redraw);
  }

  private updateNotices(): void {
    const { playback } = this;
    const { showing, summary, failure, blocked, growing, playing } = playback;
    const got = failure ? failureOf(failure).got : '';
    const loudness = showing === 'take' && summary ? playback.loudness : null;
    const state = [showing, summary?.source, got, blocked, growing, playing && growing, loudness].join();
    if (state === this.noticed) return;
    this.noticed = state;
    const notices: Node[] = [];
    if (!summary) notices.push(h('span', { class: 'vvnb-hint' }, t('player.empty')));
    if (failure) notices.push(failureNote(failureOf(failure), () => playback.fail(null)));
    if (loudness !== null) notices.push(this.loudnessBadge(loudness));
    if (showing === 'audition') notices.push(this.badge('audition', summary?.name ?? ''));
    if (showing === 'live') notices.push(this.badge('live', growing ? t('player.live') : t('player.live_ended')));
    if (blocked || (showing === 'live' && !playing && growing)) {
      const onclick = (): void => playback.toggle();
      const listen = button({ label: t('player.listen'), icon: 'play', size: 'small', kind: 'primary', onclick });
      notices.push(h('span', { class: 'vvnb-hint' }, t('player.blocked')), listen);
    }
    this.notices.replaceChildren(...notices);
  }

  private badge(kind: string, text: string): HTMLElement {
    const onclick = (): void => this.playback.back();
    const home = button({ label: t('player.back'), icon: 'back', size: 'small', kind: 'quiet', onclick });
    const tone = kind === 'live' ? 'danger' : 'accent';
    const name = h('span', { class: 'vvnb-badge', 'data-tone': tone }, icon('wave'), text);
    return h('div', { class: 'vvnb-deck-badge', 'data-showing': kind }, name, home);
  }

  private loudnessBadge(target: number): HTMLElement {
    const label = t('player.original_loudness');
    const onclick = (): void => this.bus.emit('loudness', { target: null });
    const text = t('player.at_loudness', { target: String(target).replace('-', '−') });
    return h(
      'div',
      { class: 'vvnb-deck-badge', 'data-showing': 'loudness' },
      h('span', { class: 'vvnb-badge', 'data-tone': 'accent' }, icon('volume'), text),
      button({ label, size: 'small', kind: 'quiet', onclick }),
    );
  }

  private invalidate(stale = true): void {
    this.stale ||= stale;
    this.frame ||= requestAnimationFrame(() => this.paint());
  }

  private paint(): void {
    this.frame = 0;
    if (this.outdated) this.changed();
    const { playback, view, waveform, overview } = this;
    const position = playback.position;
    if (playback.playing && this.follow && view.follow(position)) this.stale = true;
    const { stale } = this;
    this.stale = false;
    if (waveform.width === 0) return; // hidden: drawn when it is shown, which resizes it
    if (stale) this.draw();
    waveform.mark(position, this.colors, stale);
    overview.mark(position, view);
    this.words.mark(position, turnAt(playback.turns, position), this.colors);
    this.bar.showTime(position);
    if (playback.playing) this.invalidate(false);
  }

  private draw(): void {
    const { playback, peaks, waveform, overview } = this;
    this.view.resize(waveform.width, playback.length);
    overview.resize();
    const loudest = peaks && playback.length > 0 ? overview.loudest(peaks, levelFor) : 0;
    const stale = staleTurns(this.host);
    if (this.heardIn !== playback.summary) {
      this.heardIn = playback.summary;
      this.heard = marksOf(this.host, playback.summary);
    }
    waveform.draw(peaks, this.spectrogram, this.colors, stale, loudest, this.heard);
    overview.draw(peaks, this.colors, stale, loudest);
    peaks?.settle();
    this.spectrogram?.settle(); // after the peaks: the kernel computes a spectrogram more slowly
  }
}

/** Ids of the turns whose words or voice have changed since they were generated. */
function staleTurns(host: Host): ReadonlySet<string> {
  const turns = host.get('turns') ?? [];
  return new Set(turns.filter(({ state }) => state === 'changed').map(({ id }) => id));
}
