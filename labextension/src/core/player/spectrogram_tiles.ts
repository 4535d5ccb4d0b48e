/** Spectrogram tiles, computed in the kernel. */

import type { Channel } from '../host/channel';
import { t } from '../strings';
import type { Palette } from './color';
import { COLOR_MAP } from './color_map';
import { RANGE_DB, heightOf, type Scale } from './frequencies';
import type { TakeSummary } from '../host/traits';
import { Tiles, type Place } from './tiles';
import type { View } from './view';

const COLUMNS = 256;
const ROWS = 160;
const BUDGET = 12 * 2 ** 20;
/** Smallest distance of two columns, as a power of two samples: 1.3 ms. */
const FINEST = 5;
const SKETCHES = 6;

interface Tile {
  values: Uint8Array;
  columns: number;
  picture: HTMLCanvasElement | null;
}

export class SpectrogramTiles {
  private readonly tiles: Tiles<Tile>;
  private lacking: Place[] = [];
  private readonly length: number;

  constructor(
    channel: Channel,
    summary: TakeSummary,
    readonly scale: Scale,
    onload: () => void,
  ) {
    const { source, samples } = summary;
    this.length = samples;
    const load = async ({ level, index }: Place): Promise<Tile> => {
      const start = index * COLUMNS * 2 ** level;
      const columns = Math.min(COLUMNS, Math.ceil((samples - start) / 2 ** level));
      const stop = start + columns * 2 ** level;
      const { buffers } = await channel.call('spectrogram', { source, start, stop, columns, rows: ROWS, scale });
      const [view] = buffers;
      return { values: new Uint8Array(view!.buffer, view!.byteOffset, view!.byteLength), columns, picture: null };
    };
    this.tiles = new Tiles(load, (tile) => tile.columns * ROWS * 5, BUDGET, onload);
  }

  get bytes(): number {
    return this.tiles.bytes;
  }

  /** Level at a sample and frequency in dB relative to full scale; null if that tile has not arrived. */
  levelAt(sample: number, hertz: number, view: View): number | null {
    const level = Math.max(FINEST, Math.round(Math.log2(view.perPixel)));
    const column = Math.floor(sample / 2 ** level);
    const tile = this.tiles.get({ level, index: Math.floor(column / COLUMNS) });
    const row = Math.min(ROWS - 1, Math.floor(heightOf(hertz, this.scale) * ROWS));
    const value = tile?.values[row * tile.columns + (column % COLUMNS)];
    return value === undefined ? null : (value / 255 - 1) * RANGE_DB;
  }

  draw(context: CanvasRenderingContext2D, view: View, palette: Palette, width: number, height: number): void {
    const level = Math.max(FINEST, Math.round(Math.log2(view.perPixel)));
    const span = COLUMNS * 2 ** level;
    const last = Math.floor(Math.max(0, Math.min(view.sampleAt(width), this.length - 1)) / span);
    for (let index = Math.max(0, Math.floor(view.start / span)); index <= last; index++) {
      if (!this.drawTile(context, view, { level, index }, height)) {
        this.lacking.push({ level, index });
        this.sketch(context, view, { level, index }, height);
      }
    }
    if (this.lacking.length && this.tiles.empty) {
      context.font = `12px ${palette.font}`;
      context.fillStyle = palette.muted;
      context.fillText(t('player.spectrogram_pending'), 48, height / 2);
    }
  }

  /** Fetch what the last picture lacked. */
  settle(): void {
    this.tiles.want(this.lacking);
    this.lacking = [];
  }

  dispose(): void {
    this.tiles.clear();
  }

  private drawTile(context: CanvasRenderingContext2D, view: View, place: Place, height: number): boolean {
    const tile = this.tiles.get(place);
    if (!tile) return false;
    const left = view.xOf(place.index * COLUMNS * 2 ** place.level);
    context.drawImage(this.pictureOf(tile), left, 0, (tile.columns * 2 ** place.level) / view.perPixel, height);
    return true;
  }

  /** Draw a coarser tile in place of a missing one, clipped to its width. */
  private sketch(context: CanvasRenderingContext2D, view: View, { level, index }: Place, height: number): void {
    const span = COLUMNS * 2 ** level;
    context.save();
    context.beginPath();
    context.rect(view.xOf(index * span), 0, span / view.perPixel, height);
    context.clip();
    for (let up = 1; up <= SKETCHES; up++) {
      if (this.drawTile(context, view, { level: level + up, index: index >> up }, height)) break;
    }
    context.restore();
  }

  private pictureOf(tile: Tile): HTMLCanvasElement {
    if (tile.picture) return tile.picture;
    const { columns, values } = tile;
    const picture = Object.assign(document.createElement('canvas'), { width: columns, height: ROWS });
    const context = picture.getContext('2d')!;
    const image = context.createImageData(columns, ROWS);
    const pixels = new Uint32Array(image.data.buffer);
    const map = new Uint32Array(COLOR_MAP.buffer);
    for (let row = 0; row < ROWS; row++) {
      const from = (ROWS - 1 - row) * columns; // row 0 is the lowest frequency, the picture's last line
      for (let column = 0; column < columns; column++) pixels[row * columns + column] = map[values[from + column]!]!;
    }
    context.putImageData(image, 0, 0);
    return (tile.picture = picture);
  }
}
