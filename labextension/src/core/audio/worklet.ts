/** Audio worklet that plays a ring buffer. */

import { RingBuffer } from './ring';

export interface WorkletReport {
  epoch: number;
  played: number;
  underruns: number;
  /** Time of the report on the context's clock, seconds. */
  time: number;
}

export type WorkletCommand =
  { kind: 'write'; samples: Float32Array } | { kind: 'clear'; epoch: number } | { kind: 'end' } | { kind: 'close' };

const NAME = 'vibevoice-output';

/** Interval between reports, seconds. */
const REPORT_EVERY = 0.02;

/** The worklet is built from text because a notebook has no URL to load a second script from. */
function source(): string {
  return `
const RingBuffer = ${RingBuffer.toString()};
registerProcessor('${NAME}', class extends AudioWorkletProcessor {
  constructor(options) {
    super();
    this.ring = new RingBuffer(options.processorOptions.capacity);
    this.epoch = 0;
    this.alive = true;
    this.nextReport = 0;
    this.port.onmessage = ({ data }) => {
      if (data.kind === 'write') this.ring.write(data.samples);
      else if (data.kind === 'end') this.ring.end();
      else if (data.kind === 'close') this.alive = false;
      else { this.ring.clear(); this.epoch = data.epoch; this.nextReport = 0; }
    };
  }
  process(inputs, outputs) {
    this.ring.read(outputs[0][0]);
    if (currentTime >= this.nextReport) {
      this.nextReport = currentTime + ${REPORT_EVERY};
      const { played, underruns } = this.ring;
      this.port.postMessage({ epoch: this.epoch, played, underruns, time: currentTime });
    }
    return this.alive;
  }
});`;
}

/** Create a node with a ring buffer of `capacity` samples; reject if the page's content policy forbids it. */
export async function createWorklet(context: AudioContext, capacity: number): Promise<AudioWorkletNode> {
  if (!context.audioWorklet) throw new Error('no AudioWorklet in this browser');
  const url = URL.createObjectURL(new Blob([source()], { type: 'text/javascript' }));
  try {
    await context.audioWorklet.addModule(url);
  } finally {
    URL.revokeObjectURL(url);
  }
  return new AudioWorkletNode(context, NAME, {
    numberOfInputs: 0,
    outputChannelCount: [1],
    processorOptions: { capacity },
  });
}
