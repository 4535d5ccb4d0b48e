/** Recording from the microphone. */

import { t } from '../strings';

/** The browser's error names, and the texts for them. */
const REFUSALS = {
  NotAllowedError: 'common.mic_denied',
  NotFoundError: 'common.mic_missing',
  NotReadableError: 'common.mic_busy',
  SecurityError: 'common.mic_insecure',
} as const;

/** Failure to record, with a remedy. */
export class RecordingError extends Error {
  override readonly name = 'RecordingError';
  constructor(
    readonly got: string,
    readonly expected: string,
    readonly remedy: string,
  ) {
    super(`${got}. Expected ${expected}. To fix it: ${remedy}.`);
  }

  static from(error: unknown): RecordingError {
    const { name, message } = error as Error;
    const expected = t('common.mic_expected');
    if (!(name in REFUSALS)) {
      return new RecordingError(message || t('common.mic_failed'), expected, t('common.mic_failed_remedy'));
    }
    const key = REFUSALS[name as keyof typeof REFUSALS];
    return new RecordingError(t(key), expected, t(`${key}_remedy`));
  }
}

export interface RecorderOptions {
  /** Length at which the recording stops by itself, seconds. */
  limit?: number;
  /** Called about thirty times a second with the peak level, 0 to 1, and the length so far in seconds. */
  onlevel?: (level: number, seconds: number) => void;
  /** Called at the end, whether stopped or at the limit. */
  ondone?: (recording: Blob) => void;
}

const TYPES = ['audio/webm;codecs=opus', 'audio/ogg;codecs=opus', 'audio/mp4', 'audio/webm'];
const LEVEL_MS = 33;

/** Return true if this page can record. */
export function canRecord(): boolean {
  return typeof MediaRecorder !== 'undefined' && (navigator.mediaDevices as MediaDevices | undefined) !== undefined;
}

export class Recorder {
  private readonly parts: Blob[] = [];
  private readonly started = performance.now();
  private readonly timer: ReturnType<typeof setInterval>;
  private cancelled = false;

  /** Request the microphone and start; call this within a click. Throws a RecordingError. */
  static async start(options: RecorderOptions = {}): Promise<Recorder> {
    if (!canRecord()) throw RecordingError.from({ name: 'SecurityError' });
    let stream: MediaStream | undefined;
    try {
      // Record the unprocessed voice: the browser's processing for calls changes its timbre.
      const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
      stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
      return new Recorder(stream, options);
    } catch (error) {
      for (const track of stream?.getTracks() ?? []) track.stop();
      throw RecordingError.from(error);
    }
  }

  private readonly media: MediaRecorder;
  private readonly context = new AudioContext();
  private readonly analyser: AnalyserNode;

  private constructor(
    private readonly stream: MediaStream,
    private readonly options: RecorderOptions,
  ) {
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    this.media = new MediaRecorder(stream, mimeType ? { mimeType } : {});
    this.media.ondataavailable = ({ data }) => this.parts.push(data);
    this.media.onstop = () => this.finish();
    this.analyser = this.context.createAnalyser();
    this.context.createMediaStreamSource(stream).connect(this.analyser);
    this.media.start(1000);
    this.timer = setInterval(() => this.measure(), LEVEL_MS);
  }

  get seconds(): number {
    return (performance.now() - this.started) / 1000;
  }

  stop(): void {
    if (this.media.state !== 'inactive') this.media.stop();
  }

  /** Stop and discard the recording. */
  cancel(): void {
    this.cancelled = true;
    this.stop();
  }

  private measure(): void {
    const samples = new Float32Array(this.analyser.fftSize);
    this.analyser.getFloatTimeDomainData(samples);
    const level = samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
    this.options.onlevel?.(Math.min(1, level), this.seconds);
    if (this.seconds >= (this.options.limit ?? Infinity)) this.stop();
  }

  private finish(): void {
    clearInterval(this.timer);
    for (const track of this.stream.getTracks()) track.stop();
    void this.context.close();
    if (!this.cancelled) this.options.ondone?.(new Blob(this.parts, { type: this.media.mimeType }));
  }
}
