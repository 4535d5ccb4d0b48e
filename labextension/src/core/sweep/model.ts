/** Axes of a sweep, and the arrangement of its cells in rows and columns. */

import type { SweepAxes, SweepAxisName as AxisName, SweepCell } from '../host/traits';
import { t, type TextKey } from '../strings';

export type { AxisName };
export type Value = number | string;

export interface Axis {
  name: AxisName;
  values: Value[];
}

const AXES = {
  cfg_scale: 'sweep.cfg',
  num_steps: 'sweep.steps',
  seed: 'sweep.seed',
  solver: 'sweep.solver',
  temperature: 'sweep.temperature',
} as const satisfies Record<AxisName, TextKey>;

const AXIS_NAMES = Object.keys(AXES) as AxisName[];

export const axisLabel = (name: AxisName): string => t(AXES[name]);

export const isAxis = (name: string): name is AxisName => name in AXES;

/** Return the axes that have more than one value. */
export const axesOf = (axes: SweepAxes): Axis[] =>
  AXIS_NAMES.flatMap((name) => ((axes[name]?.length ?? 0) > 1 ? [{ name, values: axes[name]! }] : []));

const settingText = (axis: AxisName, value: Value): string =>
  t('sweep.setting', { name: axisLabel(axis), value: axis === 'cfg_scale' ? Number(value).toFixed(1) : value });

/** Describe a cell's settings: "CFG 1.3, Steps 10, Seed 7". */
export const nameOf = (cell: SweepCell): string =>
  AXIS_NAMES.flatMap((name) => {
    const value = cell[name] ?? null;
    return value === null ? [] : [settingText(name, value)];
  }).join(', ');

export interface Block {
  /** Values of the axes after the second; empty if there are only two axes. */
  title: string;
  rows: { title: string; cells: (SweepCell | null)[] }[];
  columns: string[];
}

/** Arrange cells: the first axis in rows, the second in columns, one block per combination of the others. */
export function layOut(axes: readonly Axis[], cells: readonly SweepCell[]): Block[] {
  const [rows, columns, ...others] = axes;
  const values = (axis: Axis | undefined): (Value | null)[] => axis?.values ?? [null];
  const title = (axis: Axis | undefined, value: Value | null): string =>
    axis && value !== null ? settingText(axis.name, value) : '';
  const fits = (cell: SweepCell, axis: Axis | undefined, value: Value | null): boolean =>
    !axis || cell[axis.name] === value;
  const blocks = others.reduce<Value[][]>(
    (combinations, axis) => combinations.flatMap((block) => axis.values.map((value) => [...block, value])),
    [[]],
  );
  return blocks.map((block) => ({
    title: block.map((value, index) => settingText(others[index]!.name, value)).join(', '),
    columns: values(columns).map((column) => title(columns, column)),
    rows: values(rows).map((row) => ({
      title: title(rows, row),
      cells: values(columns).map(
        (column) =>
          cells.find(
            (cell) =>
              fits(cell, rows, row) &&
              fits(cell, columns, column) &&
              others.every((axis, index) => fits(cell, axis, block[index]!)),
          ) ?? null,
      ),
    })),
  }));
}

type Figure = 'seconds' | 'elapsed' | 'rtf' | 'loudness';
type ReviewFigure = 'wer' | 'score' | 'similarity' | 'words_per_minute';
export type SortKey = AxisName | Figure | ReviewFigure;

export const isReviewFigure = (key: SortKey): key is ReviewFigure =>
  key === 'wer' || key === 'score' || key === 'similarity' || key === 'words_per_minute';

/** Return a cell's value of a column; null if it is not known yet. */
export function valueOf(cell: SweepCell, key: SortKey): Value | null {
  if (isReviewFigure(key)) return cell.review?.[key] ?? null;
  return cell.state === 'finished' || isAxis(key) ? (cell[key] ?? null) : null;
}

/** Sort cells by one column; cells without a value come last in both directions. */
export function sorted(cells: readonly SweepCell[], key: SortKey, descending: boolean): SweepCell[] {
  const compare = (a: Value, b: Value): number =>
    typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
  return cells
    .map((cell) => ({ cell, value: valueOf(cell, key) }))
    .sort((a, b) => {
      if (a.value === null || b.value === null) return Number(a.value === null) - Number(b.value === null);
      return (descending ? -1 : 1) * compare(a.value, b.value);
    })
    .map(({ cell }) => cell);
}

/** Return the cells with the highest score of a review; none if all have the same, or fewer than two are reviewed. */
export function best(cells: readonly SweepCell[]): ReadonlySet<SweepCell> {
  const scores = cells.flatMap(({ review }) => (review ? [review.score] : []));
  const top = Math.max(...scores);
  if (scores.every((score) => score === top)) return new Set();
  return new Set(cells.filter(({ review }) => review?.score === top));
}

/** Finished cells without a review. */
export const unreviewed = (cells: readonly SweepCell[]): number =>
  cells.filter((cell) => cell.state === 'finished' && cell.seconds > 0 && !cell.review).length;
