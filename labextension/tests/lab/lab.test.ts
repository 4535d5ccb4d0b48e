// @vitest-environment jsdom
import { expect, test } from 'vitest';

import settings from '../../schema/settings.json';
import { Bus } from '../../src/core/host/host';
import { LocalHost } from '../../src/core/host/local_host';
import { onStudiosChange, registerStudio, openStudios, type OpenStudio } from '../../src/core/host/open_studios';
import { expression } from '../../src/lab/kernel';
import { DEFAULTS, newProjectSettings } from '../../src/lab/preferences';

const studio = (): OpenStudio => ({
  host: new LocalHost({}, {}),
  bus: new Bus(),
  element: document.body.appendChild(document.createElement('div')),
});

test('the settings a person sees are those the plugins have, with the same defaults', () => {
  const shown = Object.fromEntries(
    Object.entries(settings.properties).map(([name, { default: value }]) => [name, value]),
  );
  expect(shown).toEqual(DEFAULTS);
});

test('a fixed seed is kept, another is drawn', () => {
  expect(newProjectSettings({ ...DEFAULTS, seedPolicy: 'fixed', seed: 7 })).toMatchObject({ seed: 7, num_steps: null });
  expect(newProjectSettings({ ...DEFAULTS, seed: 7 })).toMatchObject({ seed: null });
});

test.each(['é"\\\n', '\u{1f600}', '𠮷 𝒻', 'half \ud83d', '\u2028\u007f\0'])(
  'what is asked of a kernel is one Python string: %j',
  (text) => {
    const asked = expression('a.b', 'show', { text });
    const literal = /^__import__\("a\.b", fromlist=\["_"\]\)\.show\(("[\x20-\x7e]*")\)$/.exec(asked)![1]!;
    // A Python literal with no other escapes than these two is read as JSON reads it, and has no surrogates in it.
    expect(literal.replace(/\\["\\]/g, '')).not.toContain('\\');
    expect(JSON.parse(JSON.parse(literal) as string)).toEqual({ text });
  },
);

test('the studio last used comes last', () => {
  let changes = 0;
  const off = onStudiosChange(() => changes++);
  const [one, two] = [studio(), studio()];
  const close = [registerStudio(one), registerStudio(two)];
  expect(openStudios()).toEqual([one, two]);
  one.element.dispatchEvent(new FocusEvent('focusin', { bubbles: true }));
  expect(openStudios().at(-1)).toBe(one);
  close.forEach((end) => end());
  expect([openStudios().length, changes]).toEqual([0, 5]);
  off();
});
