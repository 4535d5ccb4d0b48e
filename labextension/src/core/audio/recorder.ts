/** Recording from the microphone. */

/** What the browser calls its refusals, in words. */
const REFUSALS: Readonly<Record<string, [string, string]>> = {
  NotAllowedError: ['the microphone was not allowed', 'allow it for this page in the address bar, then record again'],
  NotFoundError: ['no microphone was found', 'plug one in, or upload a recording instead'],
  NotReadableError: ['the microphone is used by another program', 'close that program, then record again'],
  SecurityError: ['this page may not use the microphone', 'open the notebook over https or on localhost'],
};

/** Recording failed: what was found, and what to do. */
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
    const [got, remedy] = REFUSALS[name] ?? [message || 'recording failed', 'try again, or upload a recording instead'];
    return new RecordingError(got, 'a microphone this page may use', remedy);
  }
}

export interface RecorderOptions {
  /** Longest recording, seconds; it then stops by itself. */
  limit?: number;
  /** The loudness now, 0 to 1 (peak), and the seconds so far; about thirty times a second. */
  onlevel?: (level: number, seconds: number) => void;
  /** The recording is done, whether stopped or at its limit. */
  ondone?: (recording: Blob) => void;
}

const TYPES = ['audio/webm;codecs=opus', 'audio/ogg;codecs=opus', 'audio/mp4', 'audio/webm'];
const LEVEL_MS = 33;

/** Whether this page can record at all. */
export function canRecord(): boolean {
  return typeof MediaRecorder !== 'undefined' && (navigator.mediaDevices as MediaDevices | undefined) !== undefined;
}

export class Recorder {
  private readonly parts: Blob[] = [];
  private readonly started = performance.now();
  private readonly timer: ReturnType<typeof setInterval>;
  private cancelled = false;

  /** Ask for the microphone and begin; call this within a click. Throws a RecordingError. */
  static async start(options: RecorderOptions = {}): Promise<Recorder> {
    if (!canRecord()) throw RecordingError.from({ name: 'SecurityError' });
    let stream: MediaStream | undefined;
    try {
      // The model wants the voice as it is: the browser's improvements for calls color it.
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

  /** Stop, and forget what was recorded. */
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
