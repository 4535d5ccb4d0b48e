/** Reports position, playing state and current turn to the kernel and the page. */

import { SAMPLE_RATE } from '../audio/resample';
import type { Bus, Host } from '../host/host';
import type { TakeTurn } from '../host/traits';

/** Interval between position updates to the kernel, milliseconds. */
const INTERVAL_MS = 500;

export class Report {
  private currentTurn: string | null = null;
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

  /** Report the current state; `sample` is null while something other than the take plays. */
  update(sample: number | null, playing: boolean, turn: TakeTurn | null): void {
    this.light(turn?.turn ?? null);
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
    this.light(null);
  }

  private light(turn: string | null): void {
    if (turn === this.currentTurn) return;
    this.currentTurn = turn;
    this.bus.emit('currentTurn', { turn });
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
