// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test } from 'vitest';

import { Bus, type Host } from '../../src/core/host/host';
import type { ReviewState, SweepCell } from '../../src/core/host/traits';
import { reviewTitle } from '../../src/core/sweep/review';
import { mountSweep } from '../../src/core/sweep/sweep';
import { cellReview, difference, Values } from './reviews';

const READY: ReviewState = {
  state: 'ready',
  recognizer: 'base',
  done: 0,
  total: 0,
  memory: 1,
  download: 145_000_000,
  license: 'MIT',
  message: '',
};

const cell = (num_steps: number, review: SweepCell['review'] = null): SweepCell => ({
  source: `take:${num_steps}`,
  cfg_scale: null,
  num_steps,
  seed: 7,
  solver: null,
  temperature: null,
  seconds: 2,
  elapsed: 1,
  rtf: 0.5,
  loudness: -20,
  state: 'finished',
  review,
});

let host: Values;
let root: HTMLElement;
let dispose: () => void;

beforeEach(() => {
  host = new Values({ axes: { num_steps: [5, 10, 20] }, cells: [5, 10, 20].map((n) => cell(n)), review_state: READY });
  root = document.body.appendChild(document.createElement('div'));
  dispose = mountSweep(root, host as unknown as Host, new Bus());
});
afterEach(() => {
  dispose();
  root.remove();
});

const frame = (): Promise<void> => new Promise((done) => requestAnimationFrame(() => done()));
const group = (): HTMLElement => root.querySelector('[role=group][aria-label="Listen back"]')!;
const shown = (): string[] =>
  [...group().children].filter((one) => !(one as HTMLElement).hidden).map((one) => one.textContent ?? '');
const click = (label: string): void =>
  [...root.querySelectorAll('button')].find((one) => one.textContent === label)!.click();
const columns = (): string[] =>
  [...root.querySelectorAll<HTMLElement>('thead th')].filter((one) => !one.hidden).map((one) => one.textContent ?? '');
/** Texts of a column, from top to bottom. */
const column = (label: string): string[] => {
  const at = [...root.querySelectorAll('thead th')].findIndex((one) => one.textContent === label) + 1;
  return [...root.querySelectorAll('tbody tr')].map((row) => row.children[at]!.textContent ?? '');
};

test('the table has columns of reviews once there are reviews, and is sorted by them', async () => {
  expect(columns()).toEqual(['Steps', 'Seed', 'Length, s', 'Time, s', 'RTF', 'LUFS']);
  host.set('cells', [
    cell(5, { ...cellReview, wer: 12.5, score: 90, similarity: 0.8 }),
    cell(10, { ...cellReview, words_per_minute: 162.4 }),
    cell(20),
  ]);
  await frame();
  expect(columns().slice(6)).toEqual(['Errors, %', 'Score', 'Voice', 'Words/min']);
  click('Errors, %');
  expect(column('Errors, %')).toEqual(['0.0', '12.5', '–']);
  expect(column('Score')).toEqual(['Best100', '90', '–']);
  expect(column('Voice')).toEqual(['–', '0.80', '–']);
  expect(column('Words/min')).toEqual(['162', '150', '–']);
});

test('the button reviews all cells, and a review is cancelled', async () => {
  expect(shown()).toEqual(['Listen back']);
  click('Listen back');
  host.set('review_state', { ...READY, state: 'listening', done: 1, total: 3 });
  await frame();
  expect(shown()).toEqual(['Listening 2 of 3', 'Cancel']);
  click('Cancel');
  expect(host.calls).toEqual([
    { method: 'review', params: { takes: null } },
    { method: 'cancel_review', params: {} },
  ]);
  host.set('cells', [cell(5, cellReview)]);
  host.set('review_state', READY);
  await frame();
  expect(shown()).toEqual([]);
});

test('a recognizer is downloaded only when asked, and a failure is shown', async () => {
  host.set('review_state', { ...READY, state: 'download' });
  await frame();
  expect(root.textContent).not.toContain('MIT');
  click('Listen back');
  expect(root.textContent).toContain('base: 145 MB, MIT license');
  expect(host.calls).toEqual([]);
  click('Download and load');
  expect(host.calls).toEqual([{ method: 'load_recognizer', params: {} }]);
  host.set('review_state', { ...READY, state: 'failed', message: 'no such model' });
  await frame();
  expect(root.textContent).toContain('No such model');
});

test('the tooltip of a review lists its first differences', () => {
  const review = { ...cellReview, score: 71, differences: [difference()], count: 3 };
  expect(reviewTitle(review).split('\n')).toEqual([
    'Heard by base, score 71 of 100.',
    '“Two” was heard as “too”',
    '2 more differences',
  ]);
});
