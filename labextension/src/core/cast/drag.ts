/** A voice's name on its way from a list of voices to a speaker's card. */

export const VOICE_DRAG = 'application/vnd.vibevoice.voice';

/** Let a card take voices that are dragged onto it; returns how to stop that. */
export function acceptVoices(target: HTMLElement, give: (voice: string) => void): () => void {
  let depth = 0;
  const mark = (change: number): void => {
    depth = Math.max(0, depth + change);
    target.toggleAttribute('data-drop', depth > 0);
  };
  const ours =
    (act: (event: DragEvent) => void) =>
    (event: Event): void => {
      if (!(event as DragEvent).dataTransfer?.types.includes(VOICE_DRAG)) return;
      event.preventDefault();
      event.stopPropagation();
      act(event as DragEvent);
    };
  const listeners = Object.entries({
    dragenter: ours(() => mark(1)),
    dragleave: ours(() => mark(-1)),
    dragover: ours((event) => (event.dataTransfer!.dropEffect = 'copy')),
    drop: ours((event) => {
      mark(-depth);
      give(event.dataTransfer!.getData(VOICE_DRAG));
    }),
  });
  for (const [name, listener] of listeners) target.addEventListener(name, listener);
  return () => listeners.forEach(([name, listener]) => target.removeEventListener(name, listener));
}
