// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test } from 'vitest';

import { Bus, type Host } from '../../src/core/host/host';
import { marksOf } from '../../src/core/player/heard_marks';
import { ReviewBar } from '../../src/core/review/bar';
import { ReviewOfTake } from '../../src/core/review/take';
import { difference, review, take, turn, Values } from './reviews';

const READY = {
  state: 'ready',
  recognizer: 'base',
  done: 0,
  total: 0,
  memory: 1,
  download: 0,
  license: '',
  message: '',
};

let host: Values;
let bus: Bus;
let bar: ReviewBar;
let happened: unknown[];

beforeEach(() => {
  host = new Values({
    listen_back: 'on demand',
    review_state: READY,
    job: { id: '', state: 'idle', turns: [], message: '' },
    mode: 'turns',
    turns: [turn('a', 1), turn('b', 2), turn('c', 3), turn('d', 4, { takes: [], chosen: null, state: 'unspoken' })],
    takes: { 'a-1': take('a-1'), 'b-1': take('b-1'), 'c-1': take('c-1', { earlier: true }) },
    reviews: {},
  });
  bus = new Bus();
  happened = [];
  for (const name of ['fix', 'setUpReview', 'audition'] as const) {
    bus.on(name, (detail) => happened.push([name, detail]));
  }
  bar = new ReviewBar(host as unknown as Host, bus, () => happened.push('next'));
});
afterEach(() => bar.dispose());

const frame = (): Promise<void> => new Promise((done) => requestAnimationFrame(() => done()));
const shown = (): string[] =>
  bar.element.hidden
    ? []
    : [...bar.element.children]
        .filter((one) => !(one as HTMLElement).hidden && !one.classList.contains('vvnb-visually-hidden'))
        .map((one) => one.textContent ?? '');
const click = (label: string): void =>
  [...bar.element.querySelectorAll('button')].find((one) => one.textContent === label)!.click();

test('takes without a review are offered; those of other words are left out', async () => {
  expect(shown()).toEqual(['Listen back']);
  click('Listen back');
  expect(host.calls).toEqual([{ method: 'review', params: { takes: ['a-1', 'b-1'] } }]);
  host.set('review_state', { ...READY, state: 'download' });
  await frame();
  click('Listen back');
  expect(happened).toEqual([['setUpReview', {}]]);
});

test('progress is shown and can be cancelled', async () => {
  host.set('review_state', { ...READY, state: 'listening', done: 2, total: 12 });
  await frame();
  expect(shown()).toEqual(['Listening 3 of 12', 'Cancel']);
  click('Cancel');
  expect(host.calls).toEqual([{ method: 'cancel_review', params: {} }]);
});

test('turns that certainly differ are fixed, one click goes to the next', async () => {
  host.set('reviews', { 'a-1': review(difference()), 'b-1': review(difference({ certain: false })) });
  await frame();
  expect(shown()).toEqual(['1 turn differs', 'Fix it']);
  click('Fix it');
  click('1 turn differs');
  expect(happened).toEqual([['fix', { turns: ['a'], takes: 3 }], 'next']);
  host.set('job', { id: 'j', state: 'speaking', turns: [], message: '' });
  await frame();
  expect(bar.element.querySelector<HTMLButtonElement>('button:disabled')!.textContent).toBe('Fix it');
  host.set('reviews', { 'a-1': review(), 'b-1': review() });
  await frame();
  expect(shown()).toEqual(['All words right']);
  host.set('listen_back', 'off');
  await frame();
  expect(shown()).toEqual([]);
});

test('a failure is shown with its reason', async () => {
  host.set('review_state', { ...READY, state: 'failed', message: 'no such model' });
  await frame();
  expect(shown()).toEqual(['Listening failed', 'Listen back']);
});

test('marks on the waveform: in the episode, and in a take', () => {
  host.set('reviews', { 'a-1': review(difference()), 'b-1': review(difference({ offset: null })) });
  const at = { label: 'Anna', text: '', color: '', confidence: 1, words: [] };
  const turns = [
    { ...at, turn: 'a', start: 1000, stop: 9000 },
    { ...at, turn: 'b', start: 9000, stop: 20_000 },
  ];
  const summary = { source: 'episode:-16', name: '', samples: 20_000, sample_rate: 24_000, revision: 1, turns };
  const text = '“Two” was heard as “too”';
  expect(marksOf(host as unknown as Host, summary)).toEqual([{ sample: 13_000, text, certain: true }]);
  const own = { ...summary, source: 'take:b-1' };
  expect(marksOf(host as unknown as Host, own)).toEqual([{ sample: 12_000, text, certain: true }]);
  expect(marksOf(host as unknown as Host, { ...summary, source: 'voice:Anna' })).toEqual([]);
});

test('the differences of a take play from their place', () => {
  const part = new ReviewOfTake(bus);
  part.show(
    'a-1',
    2,
    'Anna',
    review(difference(), difference({ kind: 'silence', said: '', heard: '', start: 0.1, end: 2.6 })),
  );
  expect(part.element.querySelector('.vvnb-badge')!.textContent).toBe('80 % of the words right');
  const items = [...part.element.querySelectorAll('button')];
  expect(items.map((one) => one.textContent)).toEqual(['“Two” was heard as “too”0:00.5', '2.5 s of silence0:00.1']);
  items[0]!.click();
  items[1]!.click();
  const played = happened.map((one) => (one as [string, { at: number }])[1]);
  expect(played.map(({ at }) => at)).toEqual([expect.closeTo(0.1), 0]);
  part.show('a-1', 2, 'Anna', null);
  expect(part.element.hidden).toBe(true);
  part.show('a-1', 2, 'Anna', { ...review(), similarity: 0.314, nearest: 'Ben' });
  const marks = [...part.element.querySelectorAll('.vvnb-badge')].map((one) => one.textContent);
  expect(marks).toEqual(['100 % of the words right', 'Voice 0.31', 'Closer to the voice of Ben']);
});
