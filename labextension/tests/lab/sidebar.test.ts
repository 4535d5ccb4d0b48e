// @vitest-environment jsdom
import { expect, test } from 'vitest';

import type { ListedProject } from '../../src/core/host/traits';
import { ago } from '../../src/core/ui/format';
import { outline } from '../../src/lab/sidebar/outline';
import { lengthOf, matches } from '../../src/lab/sidebar/projects';

const project: ListedProject = {
  name: 'talk',
  title: 'Morning Show',
  path: 'work/deep/talk.vibevoice',
  opening: 'Anna: The little brown fox',
  turns: 300,
  spoken: 12,
  seconds: 65,
  modified: 0,
  bars: [],
  takes: [],
};

test.each([
  ['', true],
  ['TALK', true],
  ['morning deep', true],
  ['fox  anna', true],
  ['talk zebra', false],
])('a search for %j', (query, found) => expect(matches(project, query)).toBe(found));

test.each([
  [0, 300, '300 turns'],
  [12, 300, '12 of 300 turns · 1:05'],
  [300, 300, '300 turns · 1:05'],
  [1, 1, '1 turn · 1:05'],
])('the length of %i of %i turns', (spoken, turns, text) => expect(lengthOf({ ...project, spoken, turns })).toBe(text));

test.each([
  [0, 'now'],
  [7300, '2 hr. ago'],
  [90_000, 'yesterday'],
  [-5, 'now'],
])('%i seconds ago', (seconds, text) => expect(ago(1_000_000 - seconds, 1_000_000)).toBe(text));

test('an outline stays in its box, also for wrong values', () => {
  const path = outline([0, 50, 100, 900]).querySelector('path')!.getAttribute('d')!;
  const heights = [...path.matchAll(/v([\d.]+)/g)].map(([, height]) => Number(height));
  expect(heights).toEqual([1.5, 12, 24, 24]);
});
