import { describe, expect, it } from 'vitest';

import { missingVoices } from '../../src/core/cast/cast';
import { levelText, meterPosition } from '../../src/core/cast/record';
import { presetOf } from '../../src/core/controls/settings';
import { fitted } from '../../src/core/ui/slider_field';
import { overallText, turnText } from '../../src/core/controls/progress_text';
import { allTurns, blockingReason, primaryAction, scriptSummary } from '../../src/core/controls/readiness';
import { waitingText } from '../../src/core/ui/progress';
import { filesOf } from '../../src/core/export/download';
import type { Host } from '../../src/core/host/host';
import { failureOf } from '../../src/core/ui/elements';
import { displayState, type JobState, type ModelState, type Speaker, type TurnState } from '../../src/core/host/traits';
import { turnsOf } from '../../src/core/host/turns';
import { linesOf } from '../../src/core/takes/lines';

const turn = (id: string, state: TurnState['state'] = 'spoken', line = 1, end_line = line): TurnState =>
  ({ id, speaker: 'Anna', line, end_line, state, takes: [] }) as unknown as TurnState;
const speaker = (label: string, voice: Partial<Speaker['voice']> | null = {}): Speaker =>
  ({ label, color: '#000000', voice }) as Speaker;
const host = (values: Record<string, unknown>): Host =>
  ({
    get: (name: string) =>
      ({ turns: [turn('1')], speakers: [speaker('Anna')], diagnostics: [], mode: 'turns', ...values })[name],
  }) as unknown as Host;

describe('the reason why nothing can be generated', () => {
  it.each([
    [{}, ''],
    [{ turns: [] }, 'Write a line first'],
    [{ diagnostics: [{ severity: 'warning', line: 1 }] }, ''],
    [{ diagnostics: [{ severity: 'error', line: 3 }] }, 'Line 3 of the script has an error'],
    [{ speakers: [speaker('Anna', null)] }, 'Anna needs a voice'],
    [{ speakers: [speaker('Anna'), speaker('Gone', null)] }, ''],
    [{ speakers: [speaker('Anna', { needs_consent: true, consent: false })] }, 'Confirm under Cast'],
    [{ speakers: [speaker('Anna', { needs_consent: true, consent: true })] }, ''],
    [{ project_state: { read_only: true } }, 'open read-only'],
    [{ turns: [turn('1', 'unspeakable'), turn('2', 'unspeakable')] }, 'cannot generate any'],
    [{ turns: [turn('1', 'unspeakable'), turn('2')] }, ''],
  ])('%o', (values, text) => {
    if (text) expect(blockingReason(host(values))).toContain(text);
    else expect(blockingReason(host(values))).toBe('');
  });
});

describe('Generate', () => {
  it('is labelled with what it does', () => {
    const label = (values: Record<string, unknown>): string => primaryAction(host(values)).label;
    expect(label({ turns: [turn('1', 'unspoken'), turn('2', 'unspoken')] })).toBe('Generate');
    expect(label({ turns: [turn('1'), turn('2', 'changed')] })).toBe('Generate 1 turn');
    expect(label({ turns: [turn('1', 'changed')], mode: 'whole' })).toBe('Generate the script');
    expect(label({ turns: [] })).toBe('Generate');
  });

  it('becomes Play when nothing is missing', () => {
    for (const mode of ['turns', 'whole'])
      expect(primaryAction(host({ turns: [turn('1'), turn('2')], mode }))).toEqual({ kind: 'play', label: 'Play' });
    expect(allTurns(host({ turns: [turn('1'), turn('2')] }))).toEqual(['1', '2']);
  });

  it('skips and counts the turns that cannot be generated', () => {
    const turns = [{ ...turn('1'), seconds: 2 }, turn('2', 'unspeakable'), { ...turn('3'), seconds: 1 }];
    expect(primaryAction(host({ turns })).kind).toBe('play');
    expect(allTurns(host({ turns }))).toEqual(['1', '3']);
    expect(scriptSummary(host({ turns }))).toBe('All 2 turns generated · 3.0 s · 1 turn skipped');
    const begun = [{ ...turn('1', 'unspoken'), seconds: null, estimated: 2 }, ...turns.slice(1)];
    expect(primaryAction(host({ turns: begun })).label).toBe('Generate 1 turn');
    expect(scriptSummary(host({ turns: begun }))).toBe(
      '1 of 2 turns generated · about 3.0 s in total · 1 turn skipped',
    );
  });

  it('counts a turn that was stopped before its end as missing', () => {
    const turns = [
      { ...turn('1'), seconds: 2 },
      { ...turn('2'), seconds: 1, estimated: 8, partial: true },
    ];
    expect(displayState(turns[1]!)).toBe('partial');
    expect(primaryAction(host({ turns })).label).toBe('Generate 1 turn');
    expect(scriptSummary(host({ turns }))).toBe('1 of 2 turns generated · about 10 s in total');
  });

  it('does not wait for a turn if the kernel is lost', () => {
    const turns = [
      { ...turn('1', 'speaking'), chosen: null },
      { ...turn('2', 'queued'), chosen: 'take', partial: true },
      turn('3'),
    ];
    const gone = { ...host({ turns }), channel: { connected: false } } as unknown as Host;
    expect(turnsOf(gone).map(displayState)).toEqual(['unspoken', 'partial', 'spoken']);
    const there = { ...gone, channel: { connected: true } } as unknown as Host;
    expect(turnsOf(there).map(displayState)).toEqual(['speaking', 'queued', 'spoken']);
  });

  it('shows time and speed, also before the first audio', () => {
    const progress = {
      job: 'j',
      turn: 't',
      turns_done: 0,
      turns_total: 1,
      turn_seconds: 0,
      turn_estimated: 3,
      seconds: 0,
      estimated: 3,
      elapsed: 0.4,
      remaining: null,
      rtf: 0,
      ttfa: null,
    };
    expect(overallText(progress)).toBe('0:00 elapsed');
    expect(overallText({ ...progress, seconds: 1, elapsed: 2, remaining: 4, rtf: 2, ttfa: 0.6 })).toBe(
      '0:02 elapsed · 0:04 left · 2.0× slower than real time (RTF 2.00) · first audio after 0.6 s',
    );
  });
});

describe('progress', () => {
  const job: JobState = { id: 'j', state: 'speaking', turns: ['d', 'e'], message: '' };
  const turns = [
    { ...turn('d'), speaker: 'Ben' },
    { ...turn('e'), speaker: 'Carla' },
  ];
  const now = {
    job: 'j',
    turn: 'd',
    turns_done: 1,
    turns_total: 2,
    turn_seconds: 1.7,
    turn_estimated: 1.7,
    seconds: 1.7,
    estimated: 4,
    elapsed: 1,
    remaining: 2,
    rtf: 0.5,
    ttfa: 0.1,
  };

  it('shows number, speaker and duration of the turn', () => {
    expect(turnText(host({ job, turns }), now)).toBe('Turn 1 of 2 · Ben · 1.7 s of about 1.7 s');
    expect(turnText(host({ job, turns }), { ...now, turn: 'e', turn_seconds: 0, turn_estimated: 2 })).toBe(
      'Turn 2 of 2 · Carla · 0.0 s of about 2.0 s',
    );
    expect(turnText(host({ job, turns }), { ...now, turn: '' })).toBe('1.7 s generated');
  });

  it('shows loading as a phase of its own', () => {
    const model = { state: 'loading', name: 'nano', fraction: 0.4 } as ModelState;
    expect(waitingText({ ...job, state: 'loading' }, model)).toBe('Loading nano… 40 %');
    expect(waitingText({ ...job, state: 'loading' }, undefined)).toBe('Loading the model…');
  });
});

describe('fields', () => {
  it('clamp and round what was typed', () => {
    const guidance = { min: 1, max: 5, step: 0.1 };
    expect(['1.34', '1,3', '99', '-2'].map((text) => fitted(text, guidance))).toEqual([1.3, 1.3, 5, 1]);
    expect(['', ' ', 'abc', 'Infinity'].map((text) => fitted(text, guidance))).toEqual([null, null, null, null]);
    expect(fitted('7.6', { min: 1, max: 50, step: 1 })).toBe(8);
  });

  it('know their presets', () => expect([5, 10, 20, 7].map(presetOf)).toEqual(['draft', 'standard', 'quality', '']));
});

describe('words', () => {
  it('name the speakers without a voice', () => {
    const silent = (...labels: string[]): string =>
      missingVoices([speaker('Full'), ...labels.map((label) => speaker(label, null))]);
    expect([silent(), silent('A'), silent('A', 'B'), silent('A', 'B', 'C', 'D')]).toEqual([
      '',
      'A has no voice yet.',
      'A and B have no voice yet.',
      '4 speakers have no voice yet.',
    ]);
  });

  it('of a turn are taken from its lines, without the label', () => {
    const script = 'Anna: Hello: you!\r\nSpeaker 2: So\n this [pause:200] is it.\n[1]: Fine.';
    const texts = linesOf(script, [
      turn('a', 'spoken', 1),
      turn('b', 'spoken', 2, 3),
      turn('c', 'spoken', 4),
      turn('gone', 'spoken', 9),
    ]);
    expect([...texts.values()]).toEqual(['Hello: you!', 'So this [pause:200] is it.', 'Fine.', '']);
  });

  it('are found in anything that is thrown', () => {
    expect(failureOf({ got: 'a', expected: 'b', remedy: 'c' })).toEqual({ got: 'a', expected: 'b', remedy: 'c' });
    expect(failureOf(new Error('broken')).got).toBe('broken');
    expect(failureOf('text').got).toBe('text');
    expect(failureOf(undefined).got).toBe('undefined');
  });

  it('describe the microphone level', () => {
    expect([0, 0.01, 0.3, 1].map(levelText)).toEqual(['Too quiet', 'Too quiet', 'Good level', 'Too loud']);
    expect([0, 1].map(meterPosition)).toEqual([0, 1]);
    expect(meterPosition(0.5)).toBeGreaterThan(meterPosition(0.1));
  });

  it('of an export are the files it returned', () => {
    expect(filesOf({})).toEqual([]);
    expect(filesOf({ files: [{ file: 'x', name: 'a.mp3', size: 3 }, {}] })).toEqual([
      { file: 'x', name: 'a.mp3', size: 3 },
      { file: '', name: 'file', size: 0 },
    ]);
  });
});
