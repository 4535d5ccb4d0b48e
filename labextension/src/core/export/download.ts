/** Files from the kernel into the browser's downloads, in pieces that every host can carry. */

import { h } from '../ui/dom';
import { CallError } from '../host/channel';
import type { Host } from '../host/host';

/** A file the kernel wrote: `file` is what it is fetched by. */
export interface Written {
  file: string;
  name: string;
  size: number;
}

const PIECE = 2 ** 20;

/** The files an `export` answered with. */
export function filesOf(result: Record<string, unknown>): Written[] {
  const list = Array.isArray(result['files']) ? (result['files'] as Partial<Written>[]) : [];
  return list.map((entry) => ({
    file: String(entry.file ?? ''),
    name: String(entry.name ?? 'file'),
    size: Number(entry.size) || 0,
  }));
}

/** Fetch one file whole. */
export async function fetchFile(
  host: Host,
  file: Written,
  signal: AbortSignal,
  onprogress: (part: number) => void,
): Promise<Blob> {
  const pieces: ArrayBuffer[] = [];
  let offset = 0;
  onprogress(0);
  while (offset < file.size) {
    signal.throwIfAborted();
    const { buffers } = await host.channel.call('fetch', {
      file: file.file,
      offset,
      count: Math.min(PIECE, file.size - offset),
    });
    const view = buffers[0];
    if (!view?.byteLength)
      throw new CallError(`${file.name} ended after ${offset} of ${file.size} bytes`, '', 'export it again');
    pieces.push(new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice().buffer);
    offset += view.byteLength;
    onprogress(offset / file.size);
  }
  return new Blob(pieces);
}

/** Fetch files and hand each to the browser; stops quietly when it is told to. */
export async function download(
  host: Host,
  files: readonly Written[],
  signal: AbortSignal,
  onprogress: (file: Written, part: number) => void,
): Promise<void> {
  for (const file of files) {
    try {
      save(await fetchFile(host, file, signal, (part) => onprogress(file, part)), file.name);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
  }
}

function save(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  const link = h('a', { href: address, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // the browser reads it after the click
}
