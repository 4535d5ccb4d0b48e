/** What plays, and where it is: the take, another source for a moment, or the live audio. One per widget model. */

import { Live, type LiveStream } from '../audio/live';
import { Output } from '../audio/output';
import { PieceStore, StoreFeed, type Range, type Store } from '../audio/pcm';
import { SAMPLE_RATE, int16Of, toInt16 } from '../audio/resample';
import type { Action, Bus, Host } from '../host/host';
import { LiveTurns } from './live_turns';
import type { TakeSummary, TakeTurn } from '../host/traits';
import { lastBefore, mapped, summaryOf, turnAt } from './model';
import { LivePeaks } from './peaks';
import { Report } from './report';

export type Showing = 'take' | 'audition' | 'live';

export const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2] as const;

/** How long the browser may take to start the sound before we say that it wants a click. */
const START_MS = 400;
/** "Previous turn" goes to the beginning of this one first when that is longer ago. */
const REPLAY = 1.5 * SAMPLE_RATE;

export class Playback {
  showing: Showing = 'take';
  summary: TakeSummary | null = null;
  playing = false;
  /** The browser waits for a click before it lets anything be heard. */
  blocked = false;
  failure: unknown = null;
  speed = 1;
  loop: Range | null = null;
  volume = 1;
  /** What the live waveform is drawn from. */
  livePeaks: LivePeaks | null = null;
  readonly live: Live;

  private output: Output | null = null;
  private opening: Promise<Output | null> | null = null;
  private store: Store | null = null;
  private feed: StoreFeed | null = null;
  private liveTurns: LiveTurns | null = null;
  private parked = 0;
  private parkedTake = 0;
  private readonly report: Report;
  private disposed = false;
  private readonly watchers = new Set<() => void>();
  private readonly stops: (() => void)[];

  constructor(
    private readonly host: Host,
    bus: Bus,
  ) {
    this.report = new Report(host, bus);
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
    this.stops = [
      host.on('take', () => this.takeChanged()),
      host.channel.onConnection((connected) => !connected && this.lost()),
      this.report.onPlaying((playing) => void this.obey(playing)),
      this.report.onPosition((seconds) => this.moveTo(seconds)),
      bus.on('seek', ({ turn }) => void this.playTurn(turn)),
      bus.on('audition', ({ source, autoplay }) => void this.audition(source, autoplay)),
      bus.on('act', ({ action }) => this.act(action)),
    ];
    this.parked = Math.round((host.get('position') || 0) * SAMPLE_RATE);
    this.takeChanged();
    if (host.get('playing')) void this.play();
  }

  /** Call back when anything but the position changes; returns how to stop that. */
  watch(callback: () => void): () => void {
    this.watchers.add(callback);
    return () => this.watchers.delete(callback);
  }

  dispose(): void {
    this.disposed = true;
    for (const stop of this.stops) stop();
    this.live.dispose();
    this.report.dispose();
    void this.output?.close();
  }

  /** The sample that is heard now. */
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

  /** More is being made. */
  get growing(): boolean {
    return this.showing === 'live' && this.store !== null && this.store.growing;
  }

  /** Figures about the sound, for tests and the curious. */
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

  /** The last node of the sound, once there is one. */
  get node(): AudioNode | null {
    return this.output?.node ?? null;
  }

  /** Let the browser make sound; call this within a click or a key press. Null where it can't. */
  unlock(): Promise<Output | null> {
    this.opening ??= Output.open({ ontick: () => this.tick() }).then(
      (output) => {
        this.output = output;
        output.volume = this.volume;
        if (this.disposed) void output.close();
        return output;
      },
      (error: unknown) => {
        this.opening = null;
        this.playing = false;
        this.fail(error);
        return null;
      },
    );
    void this.output?.context.resume();
    return this.opening;
  }

  async play(): Promise<void> {
    if (!this.store) return;
    this.playing = true;
    this.changed();
    const output = await this.unlock();
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
    else if (this.playing) void this.unlock();
    else void this.play();
  }

  seek(sample: number): void {
    this.parked = Math.max(0, Math.min(Math.round(sample), this.length));
    if (this.feed) this.begin();
    this.changed();
  }

  /** To the beginning of the turn before or after the one heard. */
  step(direction: -1 | 1): void {
    const { position, turns } = this;
    const now = lastBefore(turns, position);
    const index = now ? turns.indexOf(now) : -1;
    const again = direction < 0 && now && position - now.start > REPLAY;
    const to = again ? now : turns[Math.max(0, index + direction)];
    if (to) this.seek(to.start);
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
    this.volume = volume;
    if (this.output) this.output.volume = volume;
    this.changed();
  }

  /** Show the take again, at the place it was left. */
  back(): void {
    if (this.showing === 'take') return;
    this.pause();
    this.show('take', summaryOf(this.host.get('take')), this.parkedTake);
  }

  async audition(source: string, autoplay: boolean): Promise<void> {
    if (autoplay) void this.unlock();
    const take = summaryOf(this.host.get('take'));
    try {
      const own = source === take?.source;
      const summary = own ? take : summaryOf((await this.host.channel.call('describe', { source })).result);
      this.pause();
      this.show(own ? 'take' : 'audition', summary, 0);
      if (autoplay) await this.play();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Say what went wrong; null when it has been read. */
  fail(error: unknown): void {
    this.failure = error;
    this.changed();
  }

  private async playTurn(turn: string): Promise<void> {
    void this.unlock();
    const take = summaryOf(this.host.get('take'));
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

  private act(action: Action): void {
    if (action === 'play') this.toggle();
    else if (action !== 'stop') void this.unlock();
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

  /** Change something about how it plays, going on from where it is. */
  private reset(change: () => void): void {
    this.parked = this.position;
    change();
    if (this.feed) this.begin();
    this.changed();
  }

  /** Play from the parked position, in place of what plays. */
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
    const take = summaryOf(this.host.get('take'));
    const before = this.summary;
    const same = take && before?.source === take.source;
    if (same && before.revision === take.revision) {
      this.summary = take; // a name or a color
      this.changed();
      return;
    }
    const position = same ? mapped(this.position, before.turns, take.turns) : 0;
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
    if (this.host.get('autoplay') === false) return; // offered, like where no page was clicked
    // Only a page that was clicked may make sound; elsewhere it is offered.
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
    this.output?.pump();
    if (!this.playing) this.afterLive(false);
  }

  /** The kernel is gone: nothing more comes. What has come plays to its end; nothing waits for a click. */
  private lost(): void {
    if (this.showing !== 'live' || !this.store) return;
    this.live.stream?.store.end();
    this.output?.pump();
    if (this.blocked) this.pause();
    if (!this.playing) this.afterLive(false);
    this.changed();
  }

  /** From the live audio to the take that came of it, at the same words. */
  private afterLive(goOn: boolean): void {
    const take = summaryOf(this.host.get('take'));
    const ended = this.parked >= this.length;
    const there = take && this.turns.length ? mapped(this.parked, this.turns, take.turns) : this.parkedTake;
    this.show('take', take, ended && !goOn ? this.startOf(take) : there);
    if (goOn) void this.play();
  }

  /** Where the turns just heard begin in the take: to be heard again with one press. */
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
    this.tell();
  }

  private changed(): void {
    this.tell();
    for (const callback of [...this.watchers]) callback();
  }

  private tell(): void {
    const { position, playing, turns, showing } = this;
    this.report.tell(showing === 'take' ? position : null, playing, playing ? turnAt(turns, position) : null);
  }
}
