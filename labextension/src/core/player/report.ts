/** Reports position, playing state and current turn to the kernel and the page. */

import { SAMPLE_RATE } from '../audio/resample';
import type { Bus, Host } from '../host/host';
import type { TakeTurn } from '../host/traits';
import { spokenWord } from './model';

/** Interval between position updates to the kernel, milliseconds. */
const INTERVAL_MS = 500;

export class Report {
  private currentTurn: TakeTurn | null = null;
  /** Index of the current word; -1 if there is none. */
  private currentWord = -1;
  private position: number;
  private playing = false;
  private sentAt = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly host: Host,
    private readonly bus: Bus,
  ) {
    this.position = host.get('position') || 0;
  }

  /** Call back when the kernel, not this page, sets `playing`. */
  onPlaying(callback: (playing: boolean) => void): () => void {
    return this.host.on('playing', () => {
      const playing = this.host.get('playing');
      if (playing !== this.playing) callback(playing);
    });
  }

  /** Call back when the kernel, not this page, sets `position` (seconds). */
  onPosition(callback: (seconds: number) => void): () => void {
    return this.host.on('position', () => {
      const position = this.host.get('position');
      if (position === this.position) return;
      this.position = position;
      callback(position);
    });
  }

  /** Report the current state; `sample` is null while something other than the take plays, `word` an index or -1. */
  update(sample: number | null, playing: boolean, turn: TakeTurn | null, word: number): void {
    this.light(turn, word);
    clearTimeout(this.timer);
    const early = this.sentAt + INTERVAL_MS - Date.now();
    if (playing === this.playing && early > 0) {
      this.timer = setTimeout(() => this.send(sample, playing), early);
    } else {
      this.send(sample, playing);
    }
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.light(null, -1);
  }

  private light(turn: TakeTurn | null, word: number): void {
    const [before, index] = [this.currentTurn, this.currentWord];
    if (turn === before && word === index) return;
    [this.currentTurn, this.currentWord] = [turn, word];
    if (turn?.turn !== before?.turn) this.bus.emit('currentTurn', { turn: turn?.turn ?? null });
    if (word >= 0 || index >= 0) this.bus.emit('currentWord', { word: turn && spokenWord(turn, word) });
  }

  private send(sample: number | null, playing: boolean): void {
    const position = sample === null ? this.position : Math.round((sample / SAMPLE_RATE) * 1000) / 1000;
    if (position === this.position && playing === this.playing) return;
    this.position = position;
    this.playing = playing;
    this.sentAt = Date.now();
    this.host.set('position', position);
    this.host.set('playing', playing);
  }
}
