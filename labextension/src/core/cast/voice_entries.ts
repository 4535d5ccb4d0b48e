/** Entries of the gallery: the voices that a speaker can have, in groups, with the speaker's line in each. */

import type { AuditionState, AuditionVoice, KnownVoice, ModelLimits, Speaker, VoiceKind } from '../host/traits';

export type EntryGroup = 'own' | 'built-in' | 'library';

export interface VoiceEntry {
  key: string;
  group: EntryGroup;
  name: string;
  kind: VoiceKind;
  words: string;
  description: string;
  seconds: number;
  /** Sizes of the models that a voice prompt fits; empty for a recording. */
  prompt: string;
  /** Source of the voice itself; empty for a voice prompt, which has no audio. */
  source: string;
  /** The speaker's line in this voice, if it was auditioned. */
  line: AuditionVoice | null;
  /** The speaker has this voice. */
  chosen: boolean;
  /** The model can speak with it. */
  fits: boolean;
}

export const GROUPS: readonly EntryGroup[] = ['own', 'built-in', 'library'];

/** Search is offered from this number of voices on. */
export const SEARCH_FROM = 9;

/** Return the voices for a speaker: their own recording if it is in no list, built-in ones, the user's library. */
export function entriesOf(
  speaker: Speaker,
  voices: readonly KnownVoice[],
  audition: AuditionState | undefined,
  limits?: ModelLimits,
): VoiceEntry[] {
  const { voice } = speaker;
  const lines = audition?.speaker === speaker.label ? audition.voices : [];
  const lineOf = (name: string, kind: VoiceKind): AuditionVoice | null =>
    lines.find((line) => line.name === name && line.kind === kind) ?? null;
  const listed = voices.map((known) => ({
    ...known,
    key: `${known.kind} ${known.name}`,
    group: known.kind === 'built-in' ? ('built-in' as const) : ('library' as const),
    source: known.prompt ? '' : `library:${known.name}`,
    line: lineOf(known.name, known.kind),
    chosen: voice ? voice.name === known.name && voice.kind === known.kind : speaker.default_voice === known.name,
    fits: fits(known.prompt, limits),
  }));
  if (!voice || listed.some((entry) => entry.chosen)) return listed;
  const own = {
    key: `own ${voice.name}`,
    group: 'own' as const,
    name: voice.name,
    kind: voice.kind,
    words: '',
    description: '',
    seconds: voice.seconds,
    prompt: voice.prompt,
    source: voice.prompt ? '' : `voice:${speaker.label}`,
    line: lineOf(voice.name, voice.kind),
    chosen: true,
    fits: fits(voice.prompt, limits),
  };
  return [own, ...listed];
}

/** Return whether a voice, with its prompt or none, is of the kind that a model takes. */
export const fits = (prompt: string, limits: ModelLimits | undefined): boolean =>
  (prompt || '') === (limits?.voice_prompts ?? '') || (!prompt && !limits);

/** Return the entries that have every word of a query in their name or description. */
export function matching(entries: readonly VoiceEntry[], query: string): VoiceEntry[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return entries.filter(({ name, words: two, description }) => {
    const text = `${name} ${two} ${description}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** Source that is played for an entry: the speaker's line where there is one. */
export const soundOf = (entry: VoiceEntry): string => entry.line?.source || entry.source;

/** Return the labels of other speakers with the same listed voice, chosen or by default. */
export function sharedWith(speaker: Speaker, speakers: readonly Speaker[]): string[] {
  const voiceOf = ({ voice, default_voice }: Speaker): string =>
    voice
      ? ['built-in', 'library'].includes(voice.kind)
        ? `${voice.kind} ${voice.name}`
        : ''
      : default_voice && `built-in ${default_voice}`;
  const mine = voiceOf(speaker);
  return mine
    ? speakers.filter((other) => other.label !== speaker.label && voiceOf(other) === mine).map(({ label }) => label)
    : [];
}
