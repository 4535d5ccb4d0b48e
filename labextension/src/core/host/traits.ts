/**
 * Traits: the values a widget shares with its kernel. Interfaces, fields and types are those of the table
 * `vibevoice_nb/widgets/payloads.json`, which a test compares with this file.
 */

export type Severity = 'error' | 'warning' | 'info';
export type VoiceKind = 'built-in' | 'library' | 'upload' | 'recording' | 'file';
export type TurnStatus = 'unspoken' | 'queued' | 'speaking' | 'spoken' | 'changed' | 'unspeakable';
export type JobStatus = 'idle' | 'queued' | 'loading' | 'speaking' | 'finished' | 'cancelled' | 'failed';
export type ModelStatus = 'unloaded' | 'loading' | 'ready' | 'failed';
export type AuditionStatus = 'waiting' | 'speaking' | 'finished' | 'cancelled' | 'failed';
export type CellStatus = 'waiting' | 'speaking' | 'finished' | 'cancelled';
export type SaveAction = 'recreate' | 'retry' | 'save_copy';
export type OddLength = '' | 'short' | 'long';
export type Mode = 'turns' | 'whole';
export type MusicRole = 'intro' | 'outro' | 'bed';
export type ListenBack = 'off' | 'on demand' | 'each take';
export type DifferenceKind = 'missing' | 'different' | 'extra' | 'repeated' | 'cut off' | 'silence' | 'sound';
export type ReviewStatus = 'missing' | 'download' | 'available' | 'loading' | 'listening' | 'ready' | 'failed';

export interface Check {
  severity: Severity;
  message: string;
  remedy: string;
}

export interface SpeakerVoice {
  name: string;
  kind: VoiceKind;
  seconds: number;
  checks: Check[];
  consent: boolean;
  needs_consent: boolean;
  /** Built-in voice used instead, if the model cannot follow a recording; else empty. */
  stand_in: string;
  /** Sizes of the models that a voice prompt fits; empty for a recording. */
  prompt: string;
}

export interface Speaker {
  label: string;
  color: string;
  voice: SpeakerVoice | null;
  /** Built-in voice that is used while none is chosen; empty if there is none. */
  default_voice: string;
  /** Gain of all turns of the speaker, in dB. */
  gain: number;
  pace: number;
}

export interface KnownVoice {
  name: string;
  kind: VoiceKind;
  /** Two words about a built-in voice; else empty. */
  words: string;
  description: string;
  seconds: number;
  /** Sizes of the models that a voice prompt fits; empty for a recording. */
  prompt: string;
}

/** A speaker's line in one voice. */
export interface AuditionVoice {
  name: string;
  kind: VoiceKind;
  state: AuditionStatus;
  /** Audio source; empty until the line is finished. */
  source: string;
  seconds: number;
  /** Reason of a failure; else empty. */
  message: string;
}

/** A speaker's first line in every voice. */
export interface AuditionState {
  speaker: string;
  text: string;
  state: JobStatus;
  message: string;
  voices: AuditionVoice[];
}

export interface TurnState {
  id: string;
  speaker: string;
  speaker_index: number;
  line: number;
  end_line: number;
  /** Column of its first word in `line`; columns count as in `ScriptDiagnostic`. */
  text_column: number;
  /** Column after its last word in `end_line`. */
  end_column: number;
  state: TurnStatus;
  /** Reason why it is unspeakable. */
  reason: string;
  /** The chosen take was stopped before its end. */
  partial: boolean;
  context_changed: boolean;
  estimated: number;
  seconds: number | null;
  gap_ms: number | null;
  pause_ms: number;
  /** In dB, without that of the speaker. */
  gain: number;
  /** Gain of turn and speaker that is applied, if their sum would exceed full scale; else null. */
  gain_limit: number | null;
  pace: number;
  takes: string[];
  chosen: string | null;
}

export interface TakeState {
  id: string;
  turn: string;
  speaker: string;
  text: string;
  /** Its words are not those of its turn now. */
  earlier: boolean;
  /** Name of the voice that it was generated with. */
  voice: string;
  created: string;
  seed: number | null;
  num_steps: number | null;
  cfg_scale: number | null;
  solver: string | null;
  model: string;
  seconds: number;
  rtf: number | null;
  samples: number;
  /** First sample that is played, and one past the last. */
  trim_start: number;
  trim_stop: number;
  starred: boolean;
  follows: string | null;
  context_changed: boolean;
  ended: string;
  /** Length far from the estimate: "short", "long", or empty. */
  odd_length: OddLength;
}

/** Intro, outro or bed of the episode; its audio is the source `music:ROLE`. */
export interface MusicState {
  role: MusicRole;
  name: string;
  seconds: number;
  gain: number;
  fade_in: number;
  fade_out: number;
  alone: number;
  overlap: number;
  ducking: number;
  loop: boolean;
  license: string;
  /** Reason why it is left out; else empty. */
  problem: string;
}

/** A word or phrase with its reading: a respelling, or phones between slashes. */
export interface LexiconEntry {
  word: string;
  reading: string;
}

/** A word of the script that is read in another way; lines and columns as in `ScriptDiagnostic`. */
export interface ReadWord {
  line: number;
  column: number;
  end_column: number;
  word: string;
  reading: string;
}

/** A range of the script; lines and columns as in `ScriptDiagnostic`. */
export interface ScriptPlace {
  line: number;
  column: number;
  end_line: number;
  end_column: number;
}

/** A difference between the words of a take and those that were heard. */
export interface ReviewDifference {
  kind: DifferenceKind;
  /** Words of the script; empty for extra words, silence and sound. */
  said: string;
  heard: string;
  certain: boolean;
  /** Place in the take, in seconds. */
  start: number;
  end: number;
  /** Samples after the start of its turn in the episode; null if it is not played there. */
  offset: number | null;
  /** Place in the script; null if the script has other words now, or the place is not known exactly. */
  place: ScriptPlace | null;
}

export interface TakeReview {
  /** Word error rate in percent. */
  wer: number;
  score: number;
  /** It has a difference that is certain. */
  flagged: boolean;
  /** Likeness of the voice to its recording, from -1 to 1; null if it was not measured. */
  similarity: number | null;
  /** Speaker whose voice is the most similar; empty if it was not measured. */
  nearest: string;
  words_per_minute: number | null;
  /** Syllables per second, divided by the median of its speaker; null if that is not known. */
  relative_pace: number | null;
  /** In LUFS; null for silence, and for less than 0.4 s. */
  loudness: number | null;
  recognizer: string;
  note: string;
  differences: ReviewDifference[];
}

export interface KnownRecognizer {
  id: string;
  note: string;
}

/** State of the recognizer and of the reviews in the background. */
export interface ReviewState {
  state: ReviewStatus;
  recognizer: string;
  /** Takes reviewed, and of all, while it is listening. */
  done: number;
  total: number;
  /** Bytes; 0 if it is not loaded, or if that is not known. */
  memory: number;
  /** Size of the download in bytes; 0 if it is not known. */
  download: number;
  /** Empty if it is not known. */
  license: string;
  /** Command that installs a missing package, or reason of a failure. */
  message: string;
}

/** Server that has the model, and the place of the latest request in its queue. */
export interface ServerState {
  /** Host and port. */
  host: string;
  /** Name of its model; empty if it is not connected. */
  model: string;
  /** From 1; 0 if no request waits. */
  position: number;
  /** Requests that wait, of all users. */
  waiting: number;
}

export interface ModelState {
  state: ModelStatus;
  name: string;
  device: string;
  dtype: string;
  /** Bytes; 0 if it is not loaded. */
  memory: number;
  message: string;
  /** Fraction loaded so far; null if it is not loading. */
  fraction: number | null;
  /** Null for a model in the kernel. */
  server: ServerState | null;
}

/** Limits of the model: languages, voices, lengths. */
export interface ModelLimits {
  languages: string[];
  follows_voices: boolean;
  /** Sizes of the voice prompts that it speaks with; empty for a model that takes recordings. */
  voice_prompts: string;
  max_seconds: number | null;
  passage_seconds: number | null;
  sentences: string[];
}

export interface JobState {
  id: string;
  state: JobStatus;
  turns: string[];
  message: string;
}

export interface ProjectState {
  name: string;
  path: string;
  read_only: boolean;
  /** Holder of the write lock, if the project is read-only because of it; else empty. */
  holder: string;
  /** Reason why the project cannot be saved; else empty. */
  problem: string;
  /** The script shown differs from the one on disk. */
  unsaved: boolean;
  /** Actions offered to the user. */
  actions: SaveAction[];
}

/** Review of a cell of a sweep, of its whole script. */
export interface CellReview {
  /** Word error rate in percent. */
  wer: number;
  score: number;
  similarity: number | null;
  words_per_minute: number | null;
  recognizer: string;
  /** The first ones that are certain, without places in the script and the episode. */
  differences: ReviewDifference[];
  /** Number of all that are certain. */
  count: number;
}

export interface SweepCell {
  source: string;
  num_steps: number | null;
  cfg_scale: number | null;
  seed: number | null;
  solver: string | null;
  temperature: number | null;
  seconds: number;
  elapsed: number;
  rtf: number;
  loudness: number | null;
  state: CellStatus;
  review: CellReview | null;
}

/** A problem in the script; lines and columns count from 1, columns in code points. */
export interface ScriptDiagnostic {
  severity: Severity;
  message: string;
  line: number;
  column: number;
  end_column: number;
  expected: string;
  suggestion: string;
  fix: string | null;
  /** Other possible replacements. */
  alternatives: readonly string[];
}

/** A turn of audio: samples `[start, stop)`. */
export interface TakeTurn {
  turn: string;
  label: string;
  text: string;
  color: string;
  start: number;
  stop: number;
  /** Confidence in the boundaries, 0 to 1. */
  confidence: number;
  /** Words, four numbers each: range of the text, and samples [start, stop); empty if their times are unknown. */
  words: number[];
}

/** An audio source with its turns: the `take` trait, and the reply to `describe`. */
export interface TakeSummary {
  source: string;
  name: string;
  samples: number;
  sample_rate: number;
  /** Changes with the audio: whatever was fetched for another revision is void. */
  revision: number;
  turns: TakeTurn[];
}

export interface KnownModel {
  id: string;
  note: string;
}

/** Cover picture of a project; the method `cover` returns it small. */
export interface CoverPicture {
  width: number;
  height: number;
  /** Size of the file in bytes. */
  size: number;
  /** Changes with the picture. */
  version: string;
}

/** A take in the sidebar's list of projects. */
export interface ListedTake {
  id: string;
  text: string;
  seconds: number;
  starred: boolean;
  model: string;
}

/** A project in the sidebar. */
export interface ListedProject {
  name: string;
  title: string;
  /** Path of its folder on the server. */
  path: string;
  /** Beginning of its script. */
  opening: string;
  turns: number;
  /** Number of turns with audio. */
  spoken: number;
  /** Length of the audio of these turns. */
  seconds: number;
  /** Seconds since 1970. */
  modified: number;
  /** Outline of the waveform in percent; empty if it is not known. */
  bars: number[];
  takes: ListedTake[];
}

/** A voice in the sidebar. */
export interface ListedVoice {
  name: string;
  kind: VoiceKind;
  description: string;
  seconds: number;
  bars: number[];
}

/** Content of the sidebar, from the Jupyter server. */
export interface Home {
  projects: ListedProject[];
  voices: ListedVoice[];
  /** There are more projects than are listed, or not all folders were searched. */
  incomplete: boolean;
}

export type SweepAxisName = 'num_steps' | 'cfg_scale' | 'seed' | 'solver' | 'temperature';
export type SweepAxes = Partial<Record<SweepAxisName, (number | string)[]>>;

/**
 * All traits of all widgets. A trait is optional if a component reads it in a widget that lacks it, or in a document
 * whose kernel has not answered yet.
 */
export interface Traits {
  // script and cast
  script?: string;
  diagnostics?: ScriptDiagnostic[];
  turns?: TurnState[];
  speakers?: Speaker[];
  voices?: KnownVoice[];
  audition_state?: AuditionState;
  // settings
  num_steps: number;
  cfg_scale: number;
  seed: number | null;
  last_seed: number | null;
  solver: string;
  mode: Mode;
  // export
  title?: string;
  artist?: string;
  edge_silence?: number | null;
  music?: MusicState[];
  cover?: CoverPicture | null;
  // pronunciation
  lexicon?: LexiconEntry[];
  read_words?: ReadWord[];
  spoken_forms?: boolean;
  // reading along
  read_along?: boolean;
  // review
  listen_back?: ListenBack;
  recognizer?: string;
  recognizers?: KnownRecognizer[];
  review_state?: ReviewState;
  reviews?: Record<string, TakeReview>;
  // model
  model?: string;
  models?: KnownModel[];
  model_state: ModelState;
  model_limits?: ModelLimits;
  // project
  project_state?: ProjectState;
  job?: JobState;
  takes?: Record<string, TakeState>;
  can_undo?: string;
  // player
  take?: TakeSummary | null;
  position: number;
  playing: boolean;
  autoplay?: boolean;
  // sweep
  axes?: SweepAxes;
  cells?: SweepCell[];
}

export type TraitName = keyof Traits;

/** Settings of music that a page changes. */
export type MusicSettings = Omit<MusicState, 'role' | 'name' | 'seconds' | 'problem'>;

/** State of a turn as it is shown, with the reasons why a generated turn may need another take. */
export type DisplayState = TurnStatus | 'partial' | 'context';

export function displayState(turn: TurnState): DisplayState {
  if (turn.state !== 'spoken') return turn.state;
  return turn.partial ? 'partial' : turn.context_changed ? 'context' : 'spoken';
}

/** Return true if Generate includes the turn: it has no complete take of its current text and voice. */
export const isMissing = (turn: TurnState): boolean =>
  turn.state !== 'unspeakable' && (turn.state !== 'spoken' || turn.partial);

/** Return true if a take of the turn's current words and voice is chosen, complete or not. */
export const isGenerated = (turn: TurnState): boolean => turn.state === 'spoken' && turn.seconds !== null;

/** Length of a turn: that of its complete, current take, or else the estimate. */
export function secondsOf(turn: TurnState): number {
  if (turn.state === 'unspeakable') return 0;
  return isGenerated(turn) && !turn.partial ? turn.seconds! : turn.estimated;
}

/** The job trait if there is no job. */
export const IDLE: JobState = { id: '', state: 'idle', turns: [], message: '' };

/** Return true while a job has work to do. */
export const isBusy = (job: Pick<JobState, 'state'> | undefined): boolean =>
  job !== undefined && ['queued', 'loading', 'speaking'].includes(job.state);
