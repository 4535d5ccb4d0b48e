import { expect, test } from 'vitest';
import { Latest } from '../../src/core/ui/latest';

test('values that come while one is sent are replaced by the last one, also after a failure', async () => {
  const sent: number[] = [];
  const waiting: (() => void)[] = [];
  const latest = new Latest<number>((value) => {
    sent.push(value);
    return new Promise((done, fail) => waiting.push(value === 1 ? () => fail(new Error('refused')) : () => done(null)));
  });
  for (const value of [1, 2, 3, 4]) latest.set(value);
  expect(sent).toEqual([1]);
  expect(latest.busy).toBe(true);
  waiting.shift()!();
  await new Promise((next) => setTimeout(next));
  expect(sent).toEqual([1, 4]);
  waiting.shift()!();
  await new Promise((next) => setTimeout(next));
  expect(latest.busy).toBe(false);
  latest.set(5);
  expect(sent).toEqual([1, 4, 5]);
});

test('a value replaces only those with the same key, and is found by it until it is sent', async () => {
  const sent: string[] = [];
  let finish = (): void => undefined;
  const latest = new Latest<{ turn: string; gain: number }>(
    ({ turn, gain }) => {
      sent.push(`${turn} ${gain}`);
      return new Promise<void>((done) => (finish = done));
    },
    ({ turn }) => turn,
  );
  const finished = async (): Promise<void> => {
    finish();
    await new Promise((next) => setTimeout(next));
  };
  latest.set({ turn: 'a', gain: 1 });
  latest.set({ turn: 'a', gain: 2 });
  latest.set({ turn: 'b', gain: 3 });
  latest.set({ turn: 'b', gain: 4 });
  expect([latest.pending('a')?.gain, latest.pending('b')?.gain, latest.pending('c')]).toEqual([2, 4, undefined]);
  await finished();
  expect(sent).toEqual(['a 1', 'a 2']);
  expect(latest.pending('a')?.gain).toBe(2);
  latest.set({ turn: 'a', gain: 5 });
  await finished();
  await finished();
  expect(sent).toEqual(['a 1', 'a 2', 'b 4', 'a 5']);
  await finished();
  expect([latest.busy, latest.pending('a')]).toEqual([false, undefined]);
});
