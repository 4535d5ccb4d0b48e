/** Files to the kernel, in chunks: one message of more than about 9 MiB breaks on its way. */

import type { Answer, Channel } from '../host/channel';

const CHUNK = 2 ** 20;

export interface UploadOptions {
  name: string;
  /** "upload" or "recording". */
  kind: string;
  speaker: string;
  /** The part that has arrived, 0 to 1. */
  onprogress?: (done: number) => void;
  /** Aborting it stops the upload; the kernel forgets what it had. */
  signal?: AbortSignal;
}

/** Send a file for a speaker; resolves with what `upload_end` answers. */
export async function upload(channel: Channel, file: Blob, options: UploadOptions): Promise<Answer> {
  const { name, kind, speaker, onprogress, signal } = options;
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
    return await channel.call('upload_end', { upload: id, speaker });
  } catch (error) {
    await channel.call('upload_cancel', { upload: id }).catch(() => undefined); // the first failure is the one to tell
    throw error;
  }
}
