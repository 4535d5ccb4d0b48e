/** Download of the kernel's files to the browser, in chunks that every host can carry. */

import { CallError } from '../host/channel';
import type { Host } from '../host/host';
import { t } from '../strings';
import { saveFile } from '../ui/save_file';

/** A file written by the kernel; `file` identifies it in `fetch`. */
export interface WrittenFile {
  file: string;
  name: string;
  size: number;
}

const CHUNK = 2 ** 20;

/** Return the files in a reply to `export`. */
export function filesOf(result: Record<string, unknown>): WrittenFile[] {
  const list = Array.isArray(result['files']) ? (result['files'] as Partial<WrittenFile>[]) : [];
  return list.map((entry) => ({
    file: String(entry.file ?? ''),
    name: String(entry.name ?? 'file'),
    size: Number(entry.size) || 0,
  }));
}

/** Fetch a whole file. */
export async function fetchFile(
  host: Host,
  file: WrittenFile,
  signal: AbortSignal,
  onprogress: (fraction: number) => void,
): Promise<Blob> {
  const chunks: ArrayBuffer[] = [];
  let offset = 0;
  onprogress(0);
  while (offset < file.size) {
    signal.throwIfAborted();
    const { buffers } = await host.channel.call('fetch', {
      file: file.file,
      offset,
      count: Math.min(CHUNK, file.size - offset),
    });
    const view = buffers[0];
    if (!view?.byteLength)
      throw new CallError(
        t('export.incomplete', { file: file.name, got: offset, size: file.size }),
        '',
        t('export.export_again'),
      );
    chunks.push(new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice().buffer);
    offset += view.byteLength;
    onprogress(offset / file.size);
  }
  return new Blob(chunks);
}

/** Fetch files and save each with the browser; an aborted `signal` ends it without an error. */
export async function download(
  host: Host,
  files: readonly WrittenFile[],
  signal: AbortSignal,
  onprogress: (file: WrittenFile, fraction: number) => void,
): Promise<void> {
  for (const file of files) {
    try {
      saveFile(await fetchFile(host, file, signal, (fraction) => onprogress(file, fraction)), file.name);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
  }
}
