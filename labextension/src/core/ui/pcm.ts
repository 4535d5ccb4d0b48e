/** Download of a short source as a whole: for a comparison, a voice, a cell of a sweep. */

import { SAMPLE_RATE, toFloat } from '../audio/resample';
import type { Host } from '../host/host';

const PIECE = 6 * SAMPLE_RATE; // keeps a message well below a megabyte

export async function lengthOf(host: Host, source: string): Promise<number> {
  const { result } = await host.channel.call('describe', { source });
  return Number(result['samples']) || 0;
}

/** The first `limit` seconds of a source, float32 at 24 kHz. */
export async function fetchAudio(host: Host, source: string, limit = 120): Promise<Float32Array<ArrayBuffer>> {
  const samples = Math.min(await lengthOf(host, source), limit * SAMPLE_RATE);
  const audio = new Float32Array(samples);
  for (let start = 0; start < samples; start += PIECE) {
    const { buffers } = await host.channel.call('samples', { source, start, count: Math.min(PIECE, samples - start) });
    const view = buffers[0];
    if (!view) break;
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
    audio.set(toFloat(new Int16Array(bytes.buffer)).subarray(0, samples - start), start);
  }
  return audio;
}

export function bufferOf(context: BaseAudioContext, audio: Float32Array<ArrayBuffer>): AudioBuffer {
  const buffer = context.createBuffer(1, Math.max(1, audio.length), SAMPLE_RATE);
  buffer.copyToChannel(audio, 0);
  return buffer;
}
