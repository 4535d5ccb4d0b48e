/** Tells the kernel and the page what is heard: position, playing, and the turn that is lit. */

import { SAMPLE_RATE } from '../audio/resample';
import type { Bus, Host } from '../host/host';
import type { TakeTurn } from '../host/traits';

/** How often the kernel is told the position, milliseconds. */
const EVERY = 500;

export class Report {
  private currentTurn: string | null = null;
  private position: number;
  private playing = false;
  private toldAt = 0;
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

  /** `sample` is null while something else than the take is heard. */
  tell(sample: number | null, playing: boolean, turn: TakeTurn | null): void {
    this.light(turn?.turn ?? null);
    clearTimeout(this.timer);
    const early = this.toldAt + EVERY - Date.now();
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
    this.toldAt = Date.now();
    this.host.set('position', position);
    this.host.set('playing', playing);
  }
}
