/** Takes saved in a notebook: metadata in their own MIME type, the audio in the HTML beside it. */

import { picture } from '../../core/audio/picture';
import { SAMPLE_RATE, toInt16 } from '../../core/audio/resample';
import { LocalHost } from '../../core/host/local_host';
import type { TakeTurn } from '../../core/host/traits';
import { TAKE_MIME } from '../names';

export interface SavedTake {
  version: number;
  name: string;
  /** Length of the whole take at 24 kHz; the notebook may contain only its beginning. */
  samples: number;
  turns: TakeTurn[];
}

/** A turn in an output; version 0.1.0 wrote `colour`. */
type SavedTurn = Omit<TakeTurn, 'color' | 'words'> & { color?: string; colour?: string };

const SOURCE = 'saved';
const SOUND = /<audio[^>]* src="data:audio\/mpeg;base64,([A-Za-z0-9+/=]+)"/;

/** Return the take and its MP3 from an output's data; null if there is none in a known format. */
export function savedTake(
  data: Readonly<Record<string, unknown>>,
): { take: SavedTake; sound: Uint8Array<ArrayBuffer> } | null {
  const take = data[TAKE_MIME] as (Partial<Omit<SavedTake, 'turns'>> & { turns?: SavedTurn[] }) | undefined;
  const html = data['text/html'];
  const text = Array.isArray(html) ? html.join('') : html;
  const found = typeof text === 'string' ? SOUND.exec(text) : null;
  if (take?.version !== 1 || !Array.isArray(take.turns) || !found) return null;
  const binary = atob(found[1]!);
  const sound = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) sound[i] = binary.charCodeAt(i);
  const { name = '', samples = 0 } = take;
  const turns = take.turns.map(({ colour = '', ...turn }) => ({ ...turn, color: turn.color ?? colour, words: [] }));
  return { take: { version: 1, name, samples, turns }, sound };
}

/** A host without a kernel: it answers from the decoded audio. */
export function hostOf(take: SavedTake, audio: Float32Array): LocalHost {
  const samples = Math.min(take.samples, audio.length);
  const turns = take.turns
    .filter((turn) => turn.start < samples)
    .map((turn) => ({ ...turn, stop: Math.min(turn.stop, samples) }));
  const summary = { source: SOURCE, name: take.name, samples, sample_rate: SAMPLE_RATE, revision: 0, turns };
  return new LocalHost(
    { take: summary, position: 0, playing: false },
    {
      describe: () => ({ result: summary }),
      samples: ({ start, count }) => {
        const heard = toInt16(audio.subarray(start, Math.min(samples, start + count)));
        return { result: { start, count: heard.length }, buffers: [heard] };
      },
      peaks: ({ start, stop, buckets }) => ({ result: { buckets }, buffers: [peaks(audio, start, stop, buckets)] }),
      spectrogram: ({ start, stop, columns, rows, scale }) => ({
        result: { columns, rows },
        buffers: [picture(audio, start, stop, columns, rows, scale === 'linear' ? 'linear' : 'mel')],
      }),
    },
  );
}

/** Minimum and maximum of each bucket. */
export function peaks(audio: Float32Array, start: number, stop: number, buckets: number): Int16Array {
  const out = new Int16Array(2 * buckets);
  const span = (stop - start) / buckets;
  for (let bucket = 0; bucket < buckets; bucket++) {
    const from = Math.floor(start + bucket * span);
    const to = Math.min(audio.length, Math.max(from + 1, Math.floor(start + (bucket + 1) * span)));
    let [low, high] = from < to ? [1, -1] : [0, 0];
    for (let i = from; i < to; i++) {
      low = Math.min(low, audio[i]!);
      high = Math.max(high, audio[i]!);
    }
    out.set(toInt16(Float32Array.of(low, high)), 2 * bucket);
  }
  return out;
}
