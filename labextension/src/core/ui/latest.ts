/**
 * Calls with the latest value only: one at a time, and values that a newer one replaced meanwhile are skipped.
 * A value replaces only those with the same key, such as the turn it is for.
 */

export class Latest<T> {
  private readonly waiting = new Map<unknown, T>();
  private sending: { value: T } | null = null;

  constructor(
    private readonly send: (value: T) => Promise<unknown>,
    private readonly keyOf: (value: T) => unknown = () => '',
  ) {}

  /** A value is being sent, or waits to be. */
  get busy(): boolean {
    return this.sending !== null;
  }

  /** Last value of a key that is being sent or waits to be. */
  pending(key: unknown): T | undefined {
    if (this.waiting.has(key)) return this.waiting.get(key);
    return this.sending && this.keyOf(this.sending.value) === key ? this.sending.value : undefined;
  }

  set(value: T): void {
    this.waiting.set(this.keyOf(value), value);
    if (!this.busy) void this.run();
  }

  private async run(): Promise<void> {
    for (const [key, value] of this.waiting) {
      this.waiting.delete(key);
      this.sending = { value };
      await this.send(value).catch(() => undefined); // `send` shows its failure
    }
    this.sending = null;
  }
}
