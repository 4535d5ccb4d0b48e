/** Playback of the take, of an audition, or of live audio: source, position, speed and loop. One per widget model. */

import { Live, type LiveStream } from '../audio/live';
import type { Output } from '../audio/output';
import { PieceStore, StoreFeed, type Range, type Store } from '../audio/pcm';
import { SAMPLE_RATE, int16Of, toInt16 } from '../audio/resample';
import type { Action, Bus, Host } from '../host/host';
import type { TakeSummary, TakeTurn } from '../host/traits';
import { Disposers } from '../ui/disposers';
import { LazyOutput } from './lazy_output';
import { LiveTurns } from './live_turns';
import { atLoudness, baseOf, lastBefore, mapped, summaryOf, turnAt, wordAt } from './model';
import { LivePeaks } from './peaks';
import { Report } from './report';

export type Showing = 'take' | 'audition' | 'live';

/** Time the browser may take to start audio before it counts as blocked, milliseconds. */
const START_MS = 400;
/** "Previous turn" first goes to the beginning of the current turn, if that is further back than this. */
const REPLAY = 1.5 * SAMPLE_RATE;

export class Playback {
  showing: Showing = 'take';
  summary: TakeSummary | null = null;
  playing = false;
  /** The browser allows no audio before a click. */
  blocked = false;
  failure: unknown = null;
  speed = 1;
  loop: Range | null = null;
  /** Loudness at which the episode is played, in LUFS; null as it is. */
  loudness: number | null = null;
  /** Peaks of the live waveform. */
  livePeaks: LivePeaks | null = null;
  readonly live: Live;

  private readonly sound: LazyOutput;
  private store: Store | null = null;
  private feed: StoreFeed | null = null;
  private liveTurns: LiveTurns | null = null;
  private parked = 0;
  private parkedTake = 0;
  private readonly report: Report;
  private readonly watchers = new Set<() => void>();
  private readonly disposers = new Disposers();

  constructor(
    private readonly host: Host,
    private readonly bus: Bus,
  ) {
    this.report = new Report(host, bus);
    this.sound = new LazyOutput(
      () => this.tick(),
      (error) => {
        this.playing = false;
        this.fail(error);
      },
    );
    this.live = new Live(host.channel, {
      begin: (stream) => this.streamBegins(stream),
      audio: (stream, start, samples) => {
        this.livePeaks?.write(start, samples);
        this.grow(stream);
        this.output?.pump();
      },
      turn: (stream) => this.grow(stream),
      end: (stream) => this.streamEnds(stream),
    });
    this.disposers.add(
      host.on('take', () => this.takeChanged()),
      host.channel.onConnection((connected) => !connected && this.lost()),
      this.report.onPlaying((playing) => void this.obey(playing)),
      this.report.onPosition((seconds) => this.moveTo(seconds)),
      bus.on('seek', ({ turn }) => void this.playTurn(turn)),
      bus.on('audition', ({ source, autoplay, at }) => void this.audition(source, autoplay, at)),
      bus.on('select', ({ turn, in: where }) => where === 'script' && this.park(turn)),
      bus.on('act', ({ action }) => this.act(action)),
      bus.on('loudness', ({ target }) => {
        this.loudness = target;
        if (this.showing === 'take') this.takeChanged();
        else this.changed();
      }),
    );
    for (const part of [this.live, this.report, this.sound]) this.disposers.child(part);
    this.parked = Math.round((host.get('position') || 0) * SAMPLE_RATE);
    this.takeChanged();
    if (host.get('playing')) void this.play();
  }

  /** Call back when anything but the position changes; return a function that stops it. */
  watch(callback: () => void): () => void {
    this.watchers.add(callback);
    return () => this.watchers.delete(callback);
  }

  dispose(): void {
    this.disposers.dispose();
  }

  private get output(): Output | null {
    return this.sound.current;
  }

  get volume(): number {
    return this.sound.volume;
  }

  /** Sample being played. */
  get position(): number {
    const { feed, output } = this;
    return feed && output ? feed.positionAt(output.heard) : this.parked;
  }

  get length(): number {
    return this.summary?.samples ?? 0;
  }

  get turns(): readonly TakeTurn[] {
    return this.summary?.turns ?? [];
  }

  /** The live audio is still being generated. */
  get growing(): boolean {
    return this.showing === 'live' && this.store !== null && this.store.growing;
  }

  /** Figures about the output, for tests and debugging. */
  get statistics(): { kind: string; underruns: number; heard: number; waiting: number; latencies: number[] } {
    const { output, live } = this;
    return {
      kind: output?.kind ?? 'none',
      underruns: output?.underruns ?? 0,
      heard: output?.heard ?? 0,
      waiting: output?.waiting ?? 0,
      latencies: live.latencies,
    };
  }

  /** The take or the episode, at the loudness that is chosen. */
  private get take(): TakeSummary | null {
    const take = summaryOf(this.host.get('take'));
    return take && { ...take, source: atLoudness(take.source, this.loudness) };
  }

  async play(): Promise<void> {
    if (!this.store) return;
    this.playing = true;
    this.changed();
    const output = await this.sound.open();
    if (!output || !this.playing || this.feed) return;
    if (this.parked >= this.length && !this.growing) this.parked = this.loop?.start ?? 0;
    this.begin();
    setTimeout(() => this.setBlocked(this.playing && output.blocked), output.blocked ? START_MS : 0);
  }

  pause(): void {
    this.parked = this.position;
    this.feed = null;
    this.output?.stop();
    this.playing = false;
    this.blocked = false;
    this.changed();
  }

  toggle(): void {
    if (this.playing && !this.blocked) this.pause();
    else if (this.playing) void this.sound.open();
    else void this.play();
  }

  seek(sample: number): void {
    this.parked = Math.max(0, Math.min(Math.round(sample), this.length));
    if (this.feed) this.begin();
    this.changed();
  }

  /** Go to a position as the user asks, and select the turn there. */
  goTo(sample: number): void {
    this.seek(sample);
    const turn = turnAt(this.turns, this.parked);
    if (turn && this.showing !== 'audition') this.bus.emit('select', { turn: turn.turn, in: 'player' });
  }

  /** Go to the beginning of the previous or the next turn. */
  step(direction: -1 | 1): void {
    const { position, turns } = this;
    const now = lastBefore(turns, position);
    const index = now ? turns.indexOf(now) : -1;
    const again = direction < 0 && now && position - now.start > REPLAY;
    const to = again ? now : turns[Math.max(0, index + direction)];
    if (to) this.goTo(to.start);
  }

  setSpeed(speed: number): void {
    this.reset(() => (this.speed = speed));
  }

  setLoop(loop: Range | null): void {
    this.reset(() => {
      this.loop = loop;
      if (loop && (this.parked < loop.start || this.parked >= loop.stop)) this.parked = loop.start;
    });
  }

  setVolume(volume: number): void {
    this.sound.volume = volume;
    this.changed();
  }

  /** Return to the take, where it was left. */
  back(): void {
    if (this.showing === 'take') return;
    this.pause();
    this.show('take', this.take, this.parkedTake);
  }

  /** Play another source, from a time in seconds. */
  async audition(source: string, autoplay: boolean, at = 0): Promise<void> {
    if (autoplay) void this.sound.open();
    const { take } = this;
    try {
      const own = take !== null && baseOf(take.source) === source;
      const summary = own ? take : summaryOf((await this.host.channel.call('describe', { source })).result);
      this.pause();
      this.show(own ? 'take' : 'audition', summary, Math.round(at * SAMPLE_RATE));
      if (autoplay) await this.play();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Show a failure; null dismisses it. */
  fail(error: unknown): void {
    this.failure = error;
    this.changed();
  }

  private async playTurn(turn: string): Promise<void> {
    void this.sound.open();
    const { take } = this;
    const here = this.showing !== 'audition' && this.turns.find((one) => one.turn === turn);
    const there = here || take?.turns.find((one) => one.turn === turn);
    if (!there) return;
    if (!here) {
      this.pause();
      this.show('take', take, there.start);
    }
    this.seek(there.start);
    if (!this.playing) await this.play();
  }

  /** The caret moved to another turn: unless something plays, move the playhead to it. */
  private park(turn: string | null): void {
    if (this.playing || this.showing !== 'take') return;
    const there = this.turns.find((one) => one.turn === turn);
    if (there && turnAt(this.turns, this.parked) !== there) this.seek(there.start);
  }

  private act(action: Action): void {
    if (action === 'play') this.toggle();
    else if (action !== 'stop') void this.sound.open();
    else if (this.showing === 'live') this.pause();
  }

  private async obey(playing: boolean): Promise<void> {
    if (playing && !this.playing) await this.play();
    else if (!playing && this.playing) this.pause();
  }

  private moveTo(seconds: number): void {
    if (this.showing !== 'take') this.back();
    this.seek(seconds * SAMPLE_RATE);
  }

  /** Change how it plays, and continue from the current position. */
  private reset(change: () => void): void {
    this.parked = this.position;
    change();
    if (this.feed) this.begin();
    this.changed();
  }

  /** Play from the parked position. */
  private begin(): void {
    if (!this.store || !this.output) return;
    const { parked: position, speed, loop, store } = this;
    const feed = new StoreFeed(store, { position, speed, loop, onFinished: () => this.finished() });
    store.prefetch(position);
    this.feed = feed;
    this.output.play(feed);
  }

  private finished(): void {
    const wasLive = this.showing === 'live';
    const { truncated } = (wasLive && this.live.stream?.store) || { truncated: false };
    this.parked = this.length;
    this.feed = null;
    this.playing = false;
    if (wasLive) this.afterLive(truncated);
    this.changed();
  }

  private show(showing: Showing, summary: TakeSummary | null, position: number): void {
    if (this.showing === 'take') this.parkedTake = this.parked;
    this.showing = showing;
    this.summary = summary;
    this.loop = null;
    this.parked = Math.max(0, Math.min(position, this.length));
    if (showing === 'live') this.store = this.live.stream?.store ?? null;
    else this.store = summary && this.storeOf(summary);
    this.changed();
  }

  private storeOf({ source, samples }: TakeSummary): PieceStore {
    const fetch = async (start: number, count: number): Promise<Int16Array> => {
      const { buffers } = await this.host.channel.call('samples', { source, start, count });
      return int16Of(buffers[0]!);
    };
    const failed = (error: unknown): void => {
      if (this.store !== store) return;
      this.pause();
      this.fail(error);
    };
    const store = new PieceStore(samples, fetch, () => this.output?.pump(), failed);
    return store;
  }

  private takeChanged(): void {
    if (this.showing !== 'take') return;
    const { take, summary: before } = this;
    const same = take && before && baseOf(before.source) === baseOf(take.source);
    if (same && before.source === take.source && before.revision === take.revision) {
      this.summary = take; // a name or a color
      this.changed();
      return;
    }
    const position = same ? mapped(this.position, before.turns, take.turns, true) : 0;
    this.feed = null;
    this.output?.stop();
    this.show('take', take, before ? position : this.parked);
    if (this.playing && take) this.begin();
    else this.playing = false;
    this.changed();
  }

  private streamBegins(stream: LiveStream): void {
    this.parked = this.position;
    this.feed = null;
    this.output?.stop();
    const read = (start: number, count: number): Int16Array => {
      return toInt16(stream.store.peek(start, Math.max(0, Math.min(count, stream.store.length - start))));
    };
    this.livePeaks = new LivePeaks(read);
    this.liveTurns = new LiveTurns(this.host);
    this.show('live', this.liveTurns.summary(stream), 0);
    if (this.host.get('autoplay') === false) return; // the person presses Listen
    // Only a page that was clicked may start audio; elsewhere a Listen button is shown.
    if (this.output || navigator.userActivation?.hasBeenActive !== false) void this.play();
  }

  private grow(stream: LiveStream): void {
    if (this.showing !== 'live' || !this.liveTurns) return;
    if (this.parked < stream.store.start) this.parked = stream.store.start;
    this.summary = this.liveTurns.summary(stream);
    this.changed();
  }

  private streamEnds(stream: LiveStream): void {
    if (this.showing !== 'live') return;
    this.grow(stream);
    if (stream.ended === 'cancelled' && this.playing) this.pause();
    this.output?.pump();
    if (!this.playing) this.afterLive(false);
  }

  /** The kernel is gone: play what has arrived to its end, without waiting for a click. */
  private lost(): void {
    if (this.showing !== 'live' || !this.store) return;
    this.live.stream?.store.end();
    this.output?.pump();
    if (this.blocked) this.pause();
    if (!this.playing) this.afterLive(false);
    this.changed();
  }

  /** Switch from the live audio to its take, at the same place in the text. */
  private afterLive(goOn: boolean): void {
    const { take } = this;
    const ended = this.parked >= this.length;
    const there = take && this.turns.length ? mapped(this.parked, this.turns, take.turns) : this.parkedTake;
    this.show('take', take, ended && !goOn ? this.startOf(take) : there);
    if (goOn) void this.play();
  }

  /** Start of the turns just played, in the take, so that Play repeats them. */
  private startOf(take: TakeSummary | null): number {
    const first = this.turns[0]?.turn;
    return take?.turns.find(({ turn }) => turn === first)?.start ?? 0;
  }

  private setBlocked(blocked: boolean): void {
    const before = this.blocked;
    this.blocked = blocked;
    if (blocked !== before) this.changed();
  }

  private tick(): void {
    if (!this.feed) return;
    if (this.blocked) this.setBlocked(false);
    this.reportState();
  }

  private changed(): void {
    this.reportState();
    for (const callback of [...this.watchers]) callback();
  }

  private reportState(): void {
    const { position, playing, turns, showing } = this;
    const turn = playing ? turnAt(turns, position) : null;
    this.report.update(showing === 'take' ? position : null, playing, turn, turn ? wordAt(turn, position) : -1);
  }
}
