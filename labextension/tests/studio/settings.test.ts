// @vitest-environment jsdom
import { expect, test, vi } from 'vitest';

import { mountSettings } from '../../src/core/controls/settings';
import type { Host } from '../../src/core/host/host';
import { RANGES } from '../../src/core/host/ranges';

vi.stubGlobal('matchMedia', () => new EventTarget());

/** Settings on a page, and the traits that they change. */
function mounted(seed: number | null = 7): { root: HTMLElement; traits: Record<string, unknown> } {
  const traits: Record<string, unknown> = { num_steps: 10, cfg_scale: 1.3, seed, last_seed: null, mode: 'turns' };
  const host = {
    get: (name: string) => traits[name],
    set: (name: string, value: unknown) => (traits[name] = value),
    on: () => () => undefined,
  } as unknown as Host;
  const root = document.createElement('div');
  mountSettings(root, host);
  return { root, traits };
}

test.each([
  ['num_steps', 'input[type=number]:not(.vvnb-seed)', 0],
  ['cfg_scale', 'input[type=number]:not(.vvnb-seed)', 1],
  ['seed', '.vvnb-seed', 0],
] as const)('%s takes every value that the kernel accepts, and no other', (trait, selector, index) => {
  const { root, traits } = mounted();
  const input = root.querySelectorAll<HTMLInputElement>(selector)[index]!;
  const { min, max } = RANGES[trait];
  expect([Number(input.min), Number(input.max)]).toEqual([min, max]);
  for (const [typed, taken] of [
    [max, max],
    [min, min],
    [2 * max, max],
    [min - 1, min],
  ] as const) {
    input.value = String(typed);
    input.dispatchEvent(new Event('change'));
    expect(traits[trait]).toBe(taken);
  }
});
