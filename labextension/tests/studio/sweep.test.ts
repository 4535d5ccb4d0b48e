import { describe, expect, it } from 'vitest';

import type { SweepCell } from '../../src/core/host/traits';
import { cellReview } from '../review/reviews';
import { axesOf, best, layOut, nameOf, sorted, unreviewed } from '../../src/core/sweep/model';

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
  review: null,
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

  const reviewed = (cfg_scale: number, wer: number, similarity: number | null = null): SweepCell =>
    cell(cfg_scale, 5, 7, { review: { ...cellReview, wer, score: 100 - wer, similarity } });

  it('sorts by the figures of the reviews', () => {
    const list = [cell(3, 5, 7), reviewed(1, 20, 0.7), reviewed(2, 5)];
    expect(sorted(list, 'wer', false).map((one) => one.cfg_scale)).toEqual([2, 1, 3]);
    expect(sorted(list, 'wer', true).map((one) => one.cfg_scale)).toEqual([1, 2, 3]);
    expect(sorted(list, 'similarity', false).map((one) => one.cfg_scale)).toEqual([1, 3, 2]);
  });

  it('marks the best of several reviews', () => {
    const [bad, good, same] = [reviewed(1, 20), reviewed(2, 5), reviewed(3, 5)];
    expect([...best([bad, good, same, cell(4, 5, 7)])]).toEqual([good, same]);
    expect(best([good, same]).size).toBe(0);
    expect(best([cell(1, 5, 7)]).size).toBe(0);
    expect(best([bad, cell(4, 5, 7)]).size).toBe(0);
  });

  it('counts the cells that can be reviewed', () => {
    const silent = cell(2, 5, 7, { seconds: 0 });
    expect(unreviewed([cell(1, 5, 7), silent, cell(3, 5, 7, { state: 'waiting' }), reviewed(4, 0)])).toBe(1);
  });

  it('names its cells by their known settings', () => {
    expect(nameOf(cell(1.5, 5, 7))).toBe('CFG 1.5, Steps 5, Seed 7');
    expect(nameOf({ ...cell(1.5, 5, 7), seed: null, solver: 'dpmsolver++' })).toBe(
      'CFG 1.5, Steps 5, Solver dpmsolver++',
    );
  });
});
