/** What a sweep varies, and how its cells lie in rows and columns. */

import type { SweepCell } from '../state';

export type AxisName = 'num_steps' | 'cfg_scale' | 'seed';
export type Axes = Partial<Record<AxisName, number[]>>;

export interface Axis {
  name: AxisName;
  values: number[];
}

export const AXIS_LABELS: Record<AxisName, string> = { num_steps: 'Steps', cfg_scale: 'CFG', seed: 'Seed' };

const ORDER: readonly AxisName[] = ['cfg_scale', 'num_steps', 'seed'];

/** The axes along which something changes. */
export const axesOf = (axes: Axes): Axis[] =>
  ORDER.flatMap((name) => ((axes[name]?.length ?? 0) > 1 ? [{ name, values: axes[name]! }] : []));

export const named = (axis: AxisName, value: number): string =>
  `${AXIS_LABELS[axis]} ${axis === 'cfg_scale' ? value.toFixed(1) : value}`;

export interface Block {
  /** The third axis's value, in words; empty when there are two. */
  title: string;
  rows: { title: string; cells: (SweepCell | null)[] }[];
  columns: string[];
}

/** Rows are the first axis, columns the second; a third one makes one block after the other. */
export function layOut(axes: readonly Axis[], cells: readonly SweepCell[]): Block[] {
  const [rows, columns, blocks] = axes;
  const values = (axis: Axis | undefined): (number | null)[] => axis?.values ?? [null];
  const title = (axis: Axis | undefined, value: number | null): string => (axis && value !== null ? named(axis.name, value) : '');
  const fits = (cell: SweepCell, axis: Axis | undefined, value: number | null): boolean => !axis || cell[axis.name] === value;
  return values(blocks).map((block) => ({
    title: title(blocks, block),
    columns: values(columns).map((column) => title(columns, column)),
    rows: values(rows).map((row) => ({
      title: title(rows, row),
      cells: values(columns).map(
        (column) => cells.find((cell) => fits(cell, rows, row) && fits(cell, columns, column) && fits(cell, blocks, block)) ?? null,
      ),
    })),
  }));
}

export type SortKey = 'num_steps' | 'cfg_scale' | 'seed' | 'seconds' | 'elapsed' | 'rtf' | 'loudness';

/** Sorted by one column; what isn't there yet stands last either way. */
export function sorted(cells: readonly SweepCell[], key: SortKey, descending: boolean): SweepCell[] {
  const there = (cell: SweepCell): boolean => cell[key] !== null && (cell.state === 'finished' || key in AXIS_LABELS);
  return [...cells].sort((a, b) => {
    if (there(a) !== there(b)) return there(a) ? -1 : 1;
    return there(a) ? (descending ? -1 : 1) * (a[key]! - b[key]!) : 0;
  });
}
