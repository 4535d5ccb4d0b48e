import { expect, test } from 'vitest';

import examples from '../../../tests/data/spectrogram_examples.json';
import { picture, type Scale } from '../../src/core/audio/picture';
import { hostOf, peaks, savedTake } from '../../src/lab/take/saved';

const TAKE = 'application/vnd.vibevoice.take+json';
const turn = { turn: 'a', label: 'Anna', text: 'Hi.', color: '', start: 0, stop: 24_000, confidence: 1, words: [] };
const saved = {
  version: 1,
  name: 'talk',
  samples: 48_000,
  turns: [turn, { ...turn, turn: 'b', start: 24_000, stop: 48_000 }],
};
const html = '<div><audio controls src="data:audio/mpeg;base64,AQID"></audio></div>';

test.each(examples.cases)('a picture is what the kernel draws: $start to $stop, $scale', (example) => {
  const audio = Float32Array.from({ length: 24_000 }, (_, i) => {
    const time = i / 24_000;
    return 0.5 * Math.sin(2 * Math.PI * 440 * time) + (time > 0.5 ? 0.25 * Math.sin(2 * Math.PI * 3000 * time) : 0);
  });
  const { start, stop, columns, rows, scale } = example;
  const drawn = picture(audio, start, stop, columns, rows, scale as Scale);
  const far = Math.max(
    ...example.picture.map((level, i) => Math.abs(level - drawn[i]!) * Number(level > 20 || drawn[i]! > 20)),
  );
  expect(far).toBeLessThanOrEqual(2);
});

test('the sound is read from the HTML, whole or in lines', () => {
  for (const text of [html, html.match(/.{1,20}/g)]) {
    expect([...savedTake({ [TAKE]: saved, 'text/html': text })!.sound]).toEqual([1, 2, 3]);
  }
});

test('a take saved by version 0.1.0 keeps its colors', () => {
  const turns = [
    { ...turn, color: undefined, colour: '#7aa2f7' },
    { ...turn, color: '#9ece6a' },
  ].map((one) => JSON.parse(JSON.stringify(one)) as object);
  const { take } = savedTake({ [TAKE]: { ...saved, turns }, 'text/html': html })!;
  expect(take.turns).toEqual([
    { ...turn, color: '#7aa2f7' },
    { ...turn, color: '#9ece6a' },
  ]);
});

test.each([
  [{ [TAKE]: saved }],
  [{ 'text/html': html }],
  [{ [TAKE]: { ...saved, version: 2 }, 'text/html': html }],
  [{ [TAKE]: saved, 'text/html': '<audio src="https://elsewhere/x.mp3">' }],
])('what is not ours is not read', (data) => expect(savedTake(data)).toBeNull());

test('a host answers from the sound, to the end of what is kept', async () => {
  const audio = new Float32Array(36_000).fill(0.5);
  const host = hostOf(saved, audio);
  expect(host.get('take')?.samples).toBe(36_000);
  expect(host.get('take')?.turns?.map(({ stop }) => stop)).toEqual([24_000, 36_000]);
  const { buffers, result } = await host.channel.call('samples', { source: 'saved', start: 35_000, count: 24_000 });
  expect(result).toEqual({ start: 35_000, count: 1000 });
  expect(buffers[0]!.getInt16(0, true)).toBeCloseTo(16_384, -1);
  await expect(host.channel.call('regenerate', { turns: ['a'], takes: 1 })).rejects.toThrow(
    /regenerate is not available without a kernel/,
  );
  host.channel.close();
});

test('peaks are the lowest and the highest, and silence after the end', () => {
  const audio = Float32Array.of(0.5, -0.25, 0, 1);
  expect([...peaks(audio, 0, 8, 4)].map((value) => Math.round((value / 32_767) * 100))).toEqual([
    -25, 50, 0, 100, 0, 0, 0, 0,
  ]);
});
