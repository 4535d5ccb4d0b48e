import { describe, expect, it } from 'vitest';

import type { SweepCell } from '../../src/core/host/traits';
import { axesOf, layOut, nameOf, sorted } from '../../src/core/sweep/model';

const cell = (cfg_scale: number, num_steps: number, seed: number, more: Partial<SweepCell> = {}): SweepCell => ({
  source: `take:${cfg_scale}-${num_steps}-${seed}`,
  cfg_scale,
  num_steps,
  seed,
  solver: null,
  temperature: null,
  seconds: 1,
  elapsed: 1,
  rtf: cfg_scale,
  loudness: null,
  state: 'finished',
  ...more,
});

describe('a sweep', () => {
  const axes = { cfg_scale: [1, 2], num_steps: [5, 10], seed: [7, 8] };
  const cells = axes.cfg_scale.flatMap((cfg) =>
    axes.num_steps.flatMap((steps) => axes.seed.map((seed) => cell(cfg, steps, seed))),
  );

  it('arranges each cell once in rows, columns and blocks', () => {
    const blocks = layOut(axesOf(axes), cells);
    expect(blocks.map((block) => block.title)).toEqual(['Seed 7', 'Seed 8']);
    expect(blocks[0]!.columns).toEqual(['Steps 5', 'Steps 10']);
    expect(blocks[0]!.rows.map((row) => row.title)).toEqual(['CFG 1.0', 'CFG 2.0']);
    const shown = blocks.flatMap((block) => block.rows.flatMap((row) => row.cells));
    expect(new Set(shown)).toEqual(new Set(cells));
    expect(shown).toHaveLength(cells.length);
  });

  it('omits an axis with a single value', () => {
    expect(axesOf({ cfg_scale: [1, 2], seed: [7] }).map((axis) => axis.name)).toEqual(['cfg_scale']);
    const [block] = layOut(axesOf({ cfg_scale: [1, 2] }), [cell(1, 5, 7), cell(2, 5, 7)]);
    expect(block!.rows.map((row) => row.cells.length)).toEqual([1, 1]);
  });

  it('sorts cells without a value last in both directions', () => {
    const waiting = cell(3, 5, 7, { state: 'waiting', rtf: 0 });
    const list = [waiting, cell(2, 5, 7), cell(1, 5, 7)];
    expect(sorted(list, 'rtf', false).map((one) => one.cfg_scale)).toEqual([1, 2, 3]);
    expect(sorted(list, 'rtf', true).map((one) => one.cfg_scale)).toEqual([2, 1, 3]);
    expect(sorted(list, 'cfg_scale', true).map((one) => one.cfg_scale)).toEqual([3, 2, 1]);
  });

  it('names its cells by their known settings', () => {
    expect(nameOf(cell(1.5, 5, 7))).toBe('CFG 1.5, Steps 5, Seed 7');
    expect(nameOf({ ...cell(1.5, 5, 7), seed: null, solver: 'dpmsolver++' })).toBe(
      'CFG 1.5, Steps 5, Solver dpmsolver++',
    );
  });
});
