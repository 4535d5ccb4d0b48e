/** Sampling rate of all generated audio, in Hz. */
export const SAMPLE_RATE = 24_000;

export function toFloat(samples: Int16Array): Float32Array<ArrayBuffer> {
  const out = new Float32Array(samples.length);
  for (let i = 0; i < samples.length; i++) out[i] = samples[i]! / 32768;
  return out;
}

/** Full scale is 32768, as in `vibevoice_nb/audio/pcm.py`; samples outside [-1, 1] are clipped. */
export function toInt16(samples: Float32Array): Int16Array<ArrayBuffer> {
  const out = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    out[i] = Math.max(-32768, Math.min(32767, Math.round(samples[i]! * 32768)));
  }
  return out;
}

/** Little-endian 16-bit samples as they arrive in a message. */
export function int16Of(buffer: DataView | ArrayBuffer): Int16Array {
  const view = buffer instanceof ArrayBuffer ? new DataView(buffer) : buffer;
  const bytes = view.byteLength & ~1;
  if (view.byteOffset % 2 === 0) return new Int16Array(view.buffer as ArrayBuffer, view.byteOffset, bytes / 2);
  return new Int16Array(view.buffer.slice(view.byteOffset, view.byteOffset + bytes) as ArrayBuffer);
}

/** Filter samples on either side, and tabulated positions between two of them. */
const HALF = 24;
const PHASES = 512;

/** Streaming windowed-sinc resampler: chunks of a signal give the same result as the whole. */
export class Resampler {
  private readonly step: number;
  private readonly reach: number;
  private readonly table: Float32Array;
  private history: Float32Array;
  /** Position of the next output sample in `history`. */
  private at: number;

  constructor(from: number, to: number) {
    this.step = from / to;
    const cutoff = Math.min(1, to / from) * 0.96;
    this.reach = Math.ceil(HALF / cutoff);
    this.table = Resampler.filter(cutoff, this.reach);
    this.history = new Float32Array(this.reach);
    this.at = this.reach;
  }

  push(samples: Float32Array): Float32Array<ArrayBuffer> {
    const input = new Float32Array(this.history.length + samples.length);
    input.set(this.history);
    input.set(samples, this.history.length);
    const out: number[] = [];
    for (; this.at + this.reach < input.length; this.at += this.step) out.push(this.interpolate(input));
    const used = Math.max(0, Math.floor(this.at) - this.reach);
    this.history = input.slice(used);
    this.at -= used;
    return Float32Array.from(out);
  }

  /** Return the samples that the filter holds back at the end of the signal. */
  flush(): Float32Array<ArrayBuffer> {
    return this.push(new Float32Array(this.reach + 1));
  }

  private interpolate(input: Float32Array): number {
    const first = Math.floor(this.at) - this.reach + 1;
    let sum = 0;
    for (let k = first; k < first + 2 * this.reach; k++) {
      const distance = Math.abs(this.at - k) * PHASES;
      const index = Math.floor(distance);
      const low = this.table[index] ?? 0;
      sum += input[k]! * (low + ((this.table[index + 1] ?? 0) - low) * (distance - index));
    }
    return sum;
  }

  /** One half of the filter, `PHASES` values per input sample, with a Blackman window. */
  private static filter(cutoff: number, reach: number): Float32Array {
    const table = new Float32Array(reach * PHASES + 1);
    for (let i = 0; i < table.length; i++) {
      const x = i / PHASES;
      const sinc = i === 0 ? cutoff : Math.sin(Math.PI * cutoff * x) / (Math.PI * x);
      const angle = (Math.PI * x) / reach;
      table[i] = sinc * (0.42 + 0.5 * Math.cos(angle) + 0.08 * Math.cos(2 * angle));
    }
    return table;
  }
}
