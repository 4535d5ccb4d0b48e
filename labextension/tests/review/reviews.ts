/** Values of reviews for tests. */

import type { CellReview, ReviewDifference, TakeReview, TakeState, TurnState } from '../../src/core/host/traits';

export const difference = (more: Partial<ReviewDifference> = {}): ReviewDifference => ({
  kind: 'different',
  said: 'Two',
  heard: 'too',
  certain: true,
  start: 0.5,
  end: 0.9,
  offset: 12_000,
  place: null,
  ...more,
});

export const review = (...differences: ReviewDifference[]): TakeReview => ({
  wer: 10 * differences.length,
  score: 90,
  flagged: differences.some(({ certain }) => certain),
  similarity: null,
  nearest: '',
  words_per_minute: 150,
  relative_pace: null,
  loudness: -19.3,
  recognizer: 'base',
  note: '',
  differences,
});

export const cellReview: CellReview = {
  wer: 0,
  score: 100,
  similarity: null,
  words_per_minute: 150,
  recognizer: 'base',
  differences: [],
  count: 0,
};

export const turn = (id: string, line: number, more: Partial<TurnState> = {}): TurnState => ({
  id,
  line,
  end_line: line,
  text_column: 1,
  end_column: 99,
  speaker: 'Anna',
  speaker_index: 0,
  state: 'spoken',
  reason: '',
  partial: false,
  context_changed: false,
  estimated: 1,
  seconds: 2.5,
  gap_ms: null,
  gain: 0,
  gain_limit: null,
  pace: 1,
  pause_ms: 0,
  takes: [`${id}-1`],
  chosen: `${id}-1`,
  ...more,
});

export const take = (id: string, more: Partial<TakeState> = {}): TakeState =>
  ({ id, turn: id.split('-')[0], earlier: false, ...more }) as TakeState;

export const place = (line: number, column: number, end_column: number, end_line = line) => ({
  line,
  column,
  end_line,
  end_column,
});

/** A host with values, whose channel records the calls. */
export class Values {
  readonly calls: { method: string; params: unknown }[] = [];
  readonly channel = {
    connected: true,
    onConnection: () => () => undefined,
    call: (method: string, params: unknown) => {
      this.calls.push({ method, params });
      return Promise.resolve({ result: {}, buffers: [] });
    },
  };
  private readonly callbacks = new Map<string, (() => void)[]>();
  constructor(readonly values: Record<string, unknown>) {}
  get = <T>(name: string): T => this.values[name] as T;
  set(name: string, value: unknown): void {
    this.values[name] = value;
    for (const callback of this.callbacks.get(name) ?? []) callback();
  }
  on(name: string, callback: () => void): () => void {
    this.callbacks.set(name, [...(this.callbacks.get(name) ?? []), callback]);
    return () => undefined;
  }
}
