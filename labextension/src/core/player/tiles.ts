/** Tile cache: pieces of a picture, fetched when needed and kept within a memory budget. */

/** Place of a tile: a zoom level, and its number at that level. */
export interface Place {
  level: number;
  index: number;
}

const AT_ONCE = 3;
const RETRY_MS = 3000;

export class Tiles<T> {
  private readonly kept = new Map<string, T>();
  private readonly underway = new Set<string>();
  private readonly failedAt = new Map<string, number>();
  private queue: Place[] = [];
  private weight = 0;
  private epoch = 0;

  constructor(
    private readonly load: (place: Place) => Promise<T>,
    private readonly weigh: (tile: T) => number,
    private readonly budget: number,
    private readonly onload: () => void,
  ) {}

  /** Bytes kept. */
  get bytes(): number {
    return this.weight;
  }

  /** No tile has arrived yet. */
  get empty(): boolean {
    return this.kept.size === 0;
  }

  get(place: Place): T | undefined {
    const key = keyOf(place);
    const tile = this.kept.get(key);
    if (tile === undefined) return undefined;
    this.kept.delete(key);
    this.kept.set(key, tile);
    return tile;
  }

  /** Request the tiles that a picture lacks, most urgent first; drop earlier requests that have not started. */
  want(places: Place[]): void {
    const now = Date.now();
    const seen = new Set<string>();
    this.queue = places.filter((place) => {
      const key = keyOf(place);
      if (seen.has(key) || this.underway.has(key) || this.kept.has(key)) return false;
      if (now - (this.failedAt.get(key) ?? -Infinity) < RETRY_MS) return false;
      return seen.add(key);
    });
    this.advance();
  }

  /** Clear the cache; ignore tiles that are still on their way. */
  clear(): void {
    this.epoch++;
    this.kept.clear();
    this.underway.clear();
    this.failedAt.clear();
    this.queue = [];
    this.weight = 0;
  }

  private advance(): void {
    while (this.underway.size < AT_ONCE && this.queue.length) void this.fetch(this.queue.shift()!);
  }

  private async fetch(place: Place): Promise<void> {
    const { epoch } = this;
    const key = keyOf(place);
    this.underway.add(key);
    try {
      const tile = await this.load(place);
      if (epoch === this.epoch) this.keep(key, tile);
    } catch {
      if (epoch === this.epoch) this.failedAt.set(key, Date.now());
    }
    if (epoch !== this.epoch) return;
    this.underway.delete(key);
    this.advance();
    this.onload();
  }

  private keep(key: string, tile: T): void {
    this.kept.set(key, tile);
    this.weight += this.weigh(tile);
    for (const [oldest, old] of this.kept) {
      if (this.weight <= this.budget || oldest === key) return;
      this.kept.delete(oldest);
      this.weight -= this.weigh(old);
    }
  }
}

function keyOf({ level, index }: Place): string {
  return `${level}/${index}`;
}
