/**
 * Traits: the values a widget shares with its kernel. Interfaces, fields and types are those of the table
 * `vibevoice_nb/widgets/payloads.json`, which a test compares with this file.
 */

export type Severity = 'error' | 'warning' | 'info';
export type VoiceKind = 'built-in' | 'library' | 'upload' | 'recording' | 'file';
export type TurnStatus = 'unspoken' | 'queued' | 'speaking' | 'spoken' | 'changed' | 'unspeakable';
export type JobStatus = 'idle' | 'queued' | 'loading' | 'speaking' | 'finished' | 'cancelled' | 'failed';
export type ModelStatus = 'unloaded' | 'loading' | 'ready' | 'failed';
export type CellStatus = 'waiting' | 'speaking' | 'finished' | 'cancelled';
export type SaveAction = 'recreate' | 'retry' | 'save_copy';
export type OddLength = '' | 'short' | 'long';
export type Mode = 'turns' | 'whole';

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
}

export interface Speaker {
  label: string;
  color: string;
  voice: SpeakerVoice | null;
}

export interface KnownVoice {
  name: string;
  kind: VoiceKind;
  description: string;
  seconds: number;
}

export interface TurnState {
  id: string;
  speaker: string;
  speaker_index: number;
  line: number;
  end_line: number;
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
  takes: string[];
  chosen: string | null;
}

export interface TakeState {
  id: string;
  turn: string;
  created: string;
  seed: number | null;
  num_steps: number | null;
  cfg_scale: number | null;
  solver: string | null;
  model: string;
  seconds: number;
  rtf: number | null;
  starred: boolean;
  follows: string | null;
  context_changed: boolean;
  ended: string;
  /** Length far from the estimate: "short", "long", or empty. */
  odd_length: OddLength;
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
}

/** Limits of the model: languages, voices, lengths. */
export interface ModelLimits {
  languages: string[];
  follows_voices: boolean;
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

/** A take in the sidebar's list of projects. */
export interface ListedTake {
  id: string;
  text: string;
  seconds: number;
  starred: boolean;
  model: string;
}

export interface ListedProject {
  name: string;
  path: string;
  turns: number;
  seconds: number;
  takes: ListedTake[];
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
  // settings
  num_steps: number;
  cfg_scale: number;
  seed: number | null;
  last_seed: number | null;
  solver: string;
  mode: Mode;
  // model
  model?: string;
  models?: KnownModel[];
  model_state: ModelState;
  model_limits?: ModelLimits;
  // project
  project_state?: ProjectState;
  projects?: ListedProject[];
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

/** State of a turn as it is shown, with the reasons why a generated turn may need another take. */
export type DisplayState = TurnStatus | 'partial' | 'context';

export function displayState(turn: TurnState): DisplayState {
  if (turn.state !== 'spoken') return turn.state;
  return turn.partial ? 'partial' : turn.context_changed ? 'context' : 'spoken';
}

/** Return true if Generate includes the turn: it has no complete take of its current text and voice. */
export const isMissing = (turn: TurnState): boolean =>
  turn.state !== 'unspeakable' && (turn.state !== 'spoken' || turn.partial);

/** Length of a turn: that of its complete take, or else the estimate. */
export function secondsOf(turn: TurnState): number {
  if (turn.state === 'unspeakable') return 0;
  return turn.partial ? turn.estimated : (turn.seconds ?? turn.estimated);
}

/** The job trait if there is no job. */
export const IDLE: JobState = { id: '', state: 'idle', turns: [], message: '' };

/** Return true while a job has work to do. */
export const isBusy = (job: JobState | undefined): boolean =>
  job !== undefined && ['queued', 'loading', 'speaking'].includes(job.state);
