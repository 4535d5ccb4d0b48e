/**
 * Messages between kernel and page. `protocol.json` is the one table, which the kernel reads too; the types here repeat
 * it for the compiler, and a test compares them.
 */

import table from '../../../../vibevoice_nb/widgets/protocol.json';

export const VERSION = table.version;

/** Messages from the kernel. */
export interface ToPage {
  welcome: { next: number; instance: string };
  probe: { sum: number };
  stream_begin: { stream: string; sample_rate: number };
  /** `generated_at`: time at which the kernel had its first sample, in milliseconds since 1970. */
  audio: { stream: string; start: number; generated_at?: number | null };
  stream_turn: { stream: string; turn: string; start: number };
  stream_end: { stream: string; samples: number; ended: string };
  progress: {
    job: string;
    turn: string;
    turns_done: number;
    turns_total: number;
    turn_seconds: number;
    turn_estimated: number;
    seconds: number;
    estimated: number;
    elapsed: number;
    remaining?: number | null;
    rtf: number;
    ttfa?: number | null;
  };
  reply: { id: number; result: Record<string, unknown> };
  failed: { id: number; got: string; expected: string; remedy: string };
  export_progress: { fraction: number };
  notice: { severity: string; text: string };
}

/** Messages to the kernel. */
export interface ToKernel {
  hello: { received: number; instance: string };
  resend: { from: number };
  probe_result: { ok: boolean; received: number };
  /** `values` are traits set in the page that may arrive later than the call. */
  call: { id: number; method: string; params: object; values?: object | null };
}

/** Methods of the kernel, with their parameters. */
export interface Methods {
  peaks: { source: string; start: number; stop: number; buckets: number };
  samples: { source: string; start: number; count: number };
  spectrogram: { source: string; start: number; stop: number; columns: number; rows: number; scale: string };
  describe: { source: string };
  list_voices: object;
  audition: { speaker: string };
  cancel_audition: object;
  set_voice: { speaker: string; voice: string };
  clear_voice: { speaker: string };
  set_consent: { speaker: string; consent: boolean };
  trim_voice: { speaker: string; start: number; stop: number };
  set_color: { speaker: string; color: string };
  save_voice: { speaker: string; name: string };
  upload_begin: { name: string; size: number; kind: string };
  upload_chunk: { upload: string; offset: number };
  upload_end: { upload: string; speaker: string };
  upload_cancel: { upload: string };
  load_model: object;
  give_token: { token: string };
  unload_model: object;
  generate: { turns?: string[] | null };
  regenerate: { turns: readonly string[]; takes: number };
  cancel: object;
  choose_take: { turn: string; take: string };
  star_take: { take: string; starred: boolean };
  delete_take: { take: string };
  undo: object;
  /** `pause` in seconds; null leaves it to the script. */
  adjust_turn: { turn: string; gain: number; pace: number; pause?: number | null };
  adjust_speaker: { speaker: string; gain: number; pace: number };
  /** `start` and `stop` in samples. */
  trim_take: { take: string; start: number; stop: number };
  use_music: { upload: string; role: string };
  /** `settings` are some of `MusicSettings`. */
  adjust_music: { role: string; settings: object };
  clear_music: { role: string };
  /** `target` in LUFS. */
  loudness: { target: number };
  /** The reading of a word; null removes it. */
  set_reading: { word: string; reading?: string | null };
  import_lexicon: { text: string };
  export_lexicon: object;
  /** `word` and `reading` are added to the lexicon for this call only, as in `hear`. */
  read_as: { turn: string; word?: string | null; reading?: string | null };
  hear: { turn: string; words?: string | null; word?: string | null; reading?: string | null };
  stop_hearing: object;
  /** Compare takes with the script; null reviews the chosen ones. */
  review: { takes?: readonly string[] | null };
  cancel_review: object;
  /** Generate turns again, at most `takes` times, until their words are right. */
  fix: { turns: readonly string[]; takes: number };
  best_of: { turns: readonly string[]; takes: number };
  load_recognizer: object;
  unload_recognizer: object;
  open_project: { path: string; create: boolean };
  retry_save: object;
  recreate_project: object;
  save_copy: { path: string };
  export: {
    format: string;
    parts: string;
    loudness?: number | null;
    subtitles: string[];
    chapters: boolean;
    folder?: string | null;
    manifest?: boolean | null;
    archive?: boolean | null;
  };
  cancel_export: object;
  /** The cover, small, in a buffer. */
  cover: object;
  /** The contents of the file, in a buffer. */
  set_cover: object;
  clear_cover: object;
  open_listed: { root: string; path: string };
  add_voice: { root: string; path: string };
  rename_voice: { voice: string; name: string };
  remove_voice: { voice: string };
  /** The contents of a file, in a buffer, or a text. */
  import_script: { text?: string | null; answers: object };
  fetch: { file: string; offset: number; count: number };
}

/** A message with its number; `after` is set if the messages in between are gone or no longer needed. */
export type Envelope = { v: number; n: number; kind: string; after?: number; base64?: string[] } & Record<
  string,
  unknown
>;

type Fields = Readonly<Record<string, string>>;

const FITS: Record<string, (value: unknown) => boolean> = {
  string: (value) => typeof value === 'string',
  integer: (value) => Number.isSafeInteger(value),
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  boolean: (value) => typeof value === 'boolean',
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  array: Array.isArray,
};

/** Validate a message from the kernel; return what is wrong, or an empty text. */
export function faultToPage(content: unknown): string {
  return faultOf(content, table.to_page);
}

/** Validate a message to the kernel; return what is wrong, or an empty text. */
export function faultToKernel(content: unknown): string {
  const fault = faultOf(content, table.to_kernel);
  if (fault || (content as Envelope).kind !== 'call') return fault;
  const { method, params } = content as Envelope & ToKernel['call'];
  const fields = lookUp(table.methods, method);
  return fields
    ? faultIn(params as Record<string, unknown>, fields, `call ${method}`)
    : `no method is called ${shown(method)}`;
}

function faultOf(content: unknown, kinds: object): string {
  if (!FITS.object!(content)) return 'the message is not an object';
  const { v, n, kind, after, base64, ...fields } = content as Envelope;
  if (v !== VERSION) return `v is ${shown(v)}, not ${VERSION}`;
  if (!Number.isSafeInteger(n) || n < 0) return `n is ${shown(n)}, not a number from 0`;
  if (after !== undefined && (!Number.isSafeInteger(after) || after < 0 || after >= n)) {
    return `after is ${shown(after)}, not a number below n`;
  }
  if (base64 !== undefined && !(Array.isArray(base64) && base64.every((text) => typeof text === 'string'))) {
    return 'base64 is not a list of strings';
  }
  const expected = typeof kind === 'string' ? lookUp(kinds, kind) : undefined;
  return expected ? faultIn(fields, expected, kind) : `no message is called ${shown(kind)}`;
}

function faultIn(fields: Record<string, unknown>, expected: Fields, where: string): string {
  for (const [name, type] of Object.entries(expected)) {
    const value = fields[name];
    const optional = type.endsWith('?');
    if (value === undefined || value === null) {
      if (!optional) return `${where} lacks ${name}`;
    } else if (!FITS[optional ? type.slice(0, -1) : type]!(value)) {
      return `${where}: ${name} is ${shown(value)}, not of type ${type}`;
    }
  }
  const unread = Object.keys(fields).filter((name) => !Object.hasOwn(expected, name));
  return unread.length ? `${where} has no field ${unread.join(', ')}` : '';
}

function lookUp(kinds: object, name: string): Fields | undefined {
  return Object.hasOwn(kinds, name) ? (kinds as Record<string, Fields>)[name] : undefined;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
