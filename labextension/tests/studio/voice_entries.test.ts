import { expect, test } from 'vitest';

import { entriesOf, matching, sharedWith, soundOf } from '../../src/core/cast/voice_entries';
import type { AuditionState, KnownVoice, Speaker, SpeakerVoice } from '../../src/core/host/traits';

const known = (name: string, kind: KnownVoice['kind'] = 'built-in', words = ''): KnownVoice => ({
  name,
  kind,
  words,
  description: '',
  seconds: 8,
  prompt: '',
});
const voiceOf = (name: string, kind: SpeakerVoice['kind']): SpeakerVoice => ({
  name,
  kind,
  seconds: 5,
  checks: [],
  consent: true,
  needs_consent: false,
  stand_in: '',
  prompt: '',
});
const speaker = (label: string, voice: SpeakerVoice | null, byDefault = ''): Speaker => ({
  label,
  color: '#0072b2',
  voice,
  default_voice: byDefault,
  gain: 0,
  pace: 1,
});
const VOICES = [
  known('Ada', 'built-in', 'woman, clear'),
  known('Kai', 'built-in', 'man, light'),
  known('Opa', 'library'),
];

test('the chosen or default voice is marked, and an own recording comes first', () => {
  const chosen = (one: Speaker): string[] =>
    entriesOf(one, VOICES, undefined)
      .filter((entry) => entry.chosen)
      .map((entry) => entry.key);
  expect(chosen(speaker('Anna', null, 'Kai'))).toEqual(['built-in Kai']);
  expect(chosen(speaker('Anna', voiceOf('Opa', 'library'), ''))).toEqual(['library Opa']);
  expect(chosen(speaker('Anna', null))).toEqual([]);
  const own = entriesOf(speaker('Anna', voiceOf('Ada', 'recording')), VOICES, undefined);
  expect(own.map((entry) => [entry.group, entry.name, entry.source])).toEqual([
    ['own', 'Ada', 'voice:Anna'],
    ['built-in', 'Ada', 'library:Ada'],
    ['built-in', 'Kai', 'library:Kai'],
    ['library', 'Opa', 'library:Opa'],
  ]);
});

test('voices fit a model by their kind and size', () => {
  const limits = {
    languages: [],
    follows_voices: true,
    voice_prompts: '',
    max_seconds: null,
    passage_seconds: null,
    sentences: [],
  };
  const realtime = { ...limits, follows_voices: false, voice_prompts: '4 + 20 layers' };
  const voices = [
    ...VOICES,
    { ...known('Mike', 'library'), prompt: '4 + 20 layers' },
    { ...known('Tiny', 'library'), prompt: '2 + 3 layers' },
  ];
  const fitting = (one: typeof limits | undefined): string[] =>
    entriesOf(speaker('Anna', null), voices, undefined, one)
      .filter((entry) => entry.fits)
      .map((entry) => entry.name);
  expect(fitting(undefined)).toEqual(['Ada', 'Kai', 'Opa']);
  expect(fitting(limits)).toEqual(['Ada', 'Kai', 'Opa']);
  expect(fitting(realtime)).toEqual(['Mike']);
  const [mike] = entriesOf(speaker('Anna', null), voices, undefined, realtime).filter((entry) => entry.fits);
  expect(mike && soundOf(mike)).toBe(''); // a prompt has no audio of its own
});

test('the line in a voice is played instead of the voice, for its own speaker only', () => {
  const line = {
    name: 'Ada',
    kind: 'built-in',
    state: 'finished',
    source: 'audition:1',
    seconds: 2,
    message: '',
  } as const;
  const audition: AuditionState = { speaker: 'Anna', text: 'Hi.', state: 'finished', message: '', voices: [line] };
  const sounds = (label: string): string[] => entriesOf(speaker(label, null), VOICES, audition).map(soundOf);
  expect(sounds('Anna')).toEqual(['audition:1', 'library:Kai', 'library:Opa']);
  expect(sounds('Ben')).toEqual(['library:Ada', 'library:Kai', 'library:Opa']);
});

test('search finds every word in name and description', () => {
  const found = (query: string): string[] =>
    matching(entriesOf(speaker('Anna', null), VOICES, undefined), query).map((entry) => entry.name);
  expect([found(''), found('MAN'), found('light man'), found('opa'), found('clear man light')]).toEqual([
    ['Ada', 'Kai', 'Opa'],
    ['Ada', 'Kai'],
    ['Kai'],
    ['Opa'],
    [],
  ]);
});

test('speakers with the same listed voice share it, recordings of one name do not', () => {
  const all = [
    speaker('Anna', voiceOf('Ada', 'built-in')),
    speaker('Ben', null, 'Ada'),
    speaker('Cleo', voiceOf('Recording', 'upload')),
    speaker('Dan', voiceOf('Recording', 'upload')),
    speaker('Eva', null),
  ];
  expect(all.map((one) => sharedWith(one, all))).toEqual([['Ben'], ['Anna'], [], [], []]);
});
