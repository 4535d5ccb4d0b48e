import type { LiveStream } from '../audio/live';
import { SAMPLE_RATE } from '../audio/resample';
import type { Host } from '../host/host';
import type { TakeSummary, TakeTurn } from '../host/traits';
import { t } from '../strings';

/** Summary of a live stream: its turns so far, with the speakers' names and colors. */
export class LiveTurns {
  constructor(private readonly host: Host) {}

  summary({ id, store, marks }: LiveStream): TakeSummary {
    const samples = store.length;
    const turns = marks.map(({ turn, start }, index): TakeTurn => {
      const stop = marks[index + 1]?.start ?? Math.max(samples, start + 1);
      return { turn, start, stop, confidence: 1, text: '', words: [], ...this.speakerOf(turn) };
    });
    return { source: id, name: t('player.live_name'), samples, sample_rate: SAMPLE_RATE, revision: 0, turns };
  }

  private speakerOf(id: string): { label: string; color: string } {
    const turn = (this.host.get('turns') ?? []).find((one) => one.id === id);
    const speakers = this.host.get('speakers') ?? [];
    const label = turn?.speaker ?? '';
    return { label, color: speakers.find((one) => one.label === label)?.color ?? '' };
  }
}
