/** Drops from the desktop or from other elements; the target has `data-drop` while one is above it. */

import { Disposers, type Dispose } from './disposers';

/** Accept dragged files on an element, while `enabled`; only the first of several is used. */
export const acceptFiles = (
  target: HTMLElement,
  enabled: () => boolean,
  ondrop: (file: File | undefined) => void,
): Dispose =>
  acceptDrops(
    target,
    (data) => enabled() && data.types.includes('Files'),
    (data) => ondrop(data.files[0]),
  );

/** Accept drags whose data `accepts` takes. */
export function acceptDrops(
  target: HTMLElement,
  accepts: (data: DataTransfer) => boolean,
  ondrop: (data: DataTransfer) => void,
): Dispose {
  const disposers = new Disposers();
  let depth = 0; // children send `dragenter` and `dragleave` too
  const mark = (change: number): void => {
    depth = Math.max(0, depth + change);
    target.toggleAttribute('data-drop', depth > 0);
  };
  const on = (type: 'dragenter' | 'dragleave' | 'dragover' | 'drop', act: (data: DataTransfer) => void): void =>
    disposers.listen(target, type, (event) => {
      if (!event.dataTransfer || !accepts(event.dataTransfer)) return;
      event.preventDefault();
      event.stopPropagation();
      act(event.dataTransfer);
    });
  on('dragenter', () => mark(1));
  on('dragleave', () => mark(-1));
  on('dragover', (data) => (data.dropEffect = 'copy'));
  on('drop', (data) => {
    mark(-depth);
    ondrop(data);
  });
  return disposers.dispose;
}
