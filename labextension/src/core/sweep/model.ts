/** What a sweep varies, and how its cells lie in rows and columns. */

import type { SweepAxes, SweepAxisName as AxisName, SweepCell } from '../host/traits';

export type { AxisName };
export type Value = number | string;

export interface Axis {
  name: AxisName;
  values: Value[];
}

export const AXIS_LABELS: Record<AxisName, string> = {
  cfg_scale: 'CFG',
  num_steps: 'Steps',
  seed: 'Seed',
  solver: 'Solver',
  temperature: 'Temperature',
};

/** The axes along which something changes. */
export const axesOf = (axes: SweepAxes): Axis[] =>
  (Object.keys(AXIS_LABELS) as AxisName[]).flatMap((name) =>
    (axes[name]?.length ?? 0) > 1 ? [{ name, values: axes[name]! }] : [],
  );

export const named = (axis: AxisName, value: Value): string =>
  `${AXIS_LABELS[axis]} ${axis === 'cfg_scale' ? Number(value).toFixed(1) : value}`;

/** A cell's settings in words. */
export const nameOf = (cell: SweepCell): string =>
  (Object.keys(AXIS_LABELS) as AxisName[])
    .flatMap((name) => (cell[name] === null || cell[name] === undefined ? [] : [named(name, cell[name])]))
    .join(', ');

export interface Block {
  /** The third axis's value, in words; empty when there are two. */
  title: string;
  rows: { title: string; cells: (SweepCell | null)[] }[];
  columns: string[];
}

/** Rows are the first axis, columns the second; further ones make one block after the other. */
export function layOut(axes: readonly Axis[], cells: readonly SweepCell[]): Block[] {
  const [rows, columns, ...others] = axes;
  const values = (axis: Axis | undefined): (Value | null)[] => axis?.values ?? [null];
  const title = (axis: Axis | undefined, value: Value | null): string =>
    axis && value !== null ? named(axis.name, value) : '';
  const fits = (cell: SweepCell, axis: Axis | undefined, value: Value | null): boolean =>
    !axis || cell[axis.name] === value;
  // Every combination of the further axes' values.
  const blocks = others.reduce<Value[][]>(
    (made, axis) => made.flatMap((block) => axis.values.map((value) => [...block, value])),
    [[]],
  );
  return blocks.map((block) => ({
    title: block.map((value, at) => named(others[at]!.name, value)).join(', '),
    columns: values(columns).map((column) => title(columns, column)),
    rows: values(rows).map((row) => ({
      title: title(rows, row),
      cells: values(columns).map(
        (column) =>
          cells.find(
            (cell) =>
              fits(cell, rows, row) &&
              fits(cell, columns, column) &&
              others.every((axis, at) => fits(cell, axis, block[at]!)),
          ) ?? null,
      ),
    })),
  }));
}

export type SortKey = AxisName | 'seconds' | 'elapsed' | 'rtf' | 'loudness';

/** Sorted by one column; what isn't there yet stands last either way. */
export function sorted(cells: readonly SweepCell[], key: SortKey, descending: boolean): SweepCell[] {
  const there = (cell: SweepCell): boolean =>
    (cell[key] ?? null) !== null && (cell.state === 'finished' || key in AXIS_LABELS);
  const compare = (a: Value, b: Value): number =>
    typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
  return [...cells].sort((a, b) => {
    if (there(a) !== there(b)) return there(a) ? -1 : 1;
    return there(a) ? (descending ? -1 : 1) * compare(a[key]!, b[key]!) : 0;
  });
}
