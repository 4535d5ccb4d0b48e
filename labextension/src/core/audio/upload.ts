/** Upload of files to the kernel in chunks: messages above about 9 MiB fail. */

import type { Answer, Channel } from '../host/channel';

const CHUNK = 2 ** 20;

export interface SendOptions {
  name: string;
  /** "upload", "recording" or "music". */
  kind: string;
  /** Called with the fraction uploaded, 0 to 1. */
  onprogress?: (done: number) => void;
  /** Aborts the upload; the kernel discards what it has received. */
  signal?: AbortSignal;
}

export interface UploadOptions extends SendOptions {
  speaker: string;
}

/** Send a file and have the kernel use it: `use` is called with the id of the upload. */
export async function send(
  channel: Channel,
  file: Blob,
  options: SendOptions,
  use: (upload: string) => Promise<Answer>,
): Promise<Answer> {
  const { name, kind, onprogress, signal } = options;
  signal?.throwIfAborted();
  const begun = await channel.call('upload_begin', { name, size: file.size, kind });
  const id = String(begun.result['upload']);
  try {
    for (let offset = 0; offset < file.size; offset += CHUNK) {
      signal?.throwIfAborted();
      const chunk = await file.slice(offset, offset + CHUNK).arrayBuffer();
      await channel.call('upload_chunk', { upload: id, offset }, [chunk]);
      onprogress?.(Math.min(1, (offset + CHUNK) / file.size));
    }
    signal?.throwIfAborted();
    return await use(id);
  } catch (error) {
    await channel.call('upload_cancel', { upload: id }).catch(() => undefined); // report the first failure
    throw error;
  }
}

/** Upload a file for a speaker; resolve with the reply to `upload_end`. */
export const upload = (channel: Channel, file: Blob, { speaker, ...options }: UploadOptions): Promise<Answer> =>
  send(channel, file, options, (id) => channel.call('upload_end', { upload: id, speaker }));
