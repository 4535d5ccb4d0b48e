/** The player's keys, and the list of them. */

import { SAMPLE_RATE } from '../audio/resample';
import { h } from '../ui/dom';
import { button } from '../ui/elements';
import { popover } from '../ui/popover';
import type { ControlActions } from './toolbar';
import type { Playback } from './playback';

const LIST: readonly (readonly [string, string])[] = [
  ['Space', 'Play or pause'],
  ['← →', 'Back or forward 1 s; with Shift 5 s'],
  ['[ ]', 'Previous or next turn'],
  ['Home End', 'To the beginning or the end'],
  ['+ − 0', 'Zoom in, zoom out, show all'],
  ['L', 'Loop the selection, or this turn'],
  ['Esc', 'Give up the selection'],
  ['S', 'Spectrogram'],
];

const MOUSE: readonly (readonly [string, string])[] = [
  ['Click', 'Play from there'],
  ['Drag', 'Select a stretch to loop'],
  ['Ctrl wheel', 'Zoom around the pointer'],
  ['Shift wheel', 'Move along'],
];

/** The "?" with all keys. */
export function keysButton(): HTMLElement {
  const anchor = button({ kind: 'quiet', bare: true, label: 'Keys and mouse', icon: 'help' });
  const list = (rows: typeof LIST): HTMLElement =>
    h(
      'dl',
      { class: 'vvnb-deck-keys' },
      ...rows.flatMap(([keys, what]) => [
        h('dt', null, ...keys.split(' ').map((key) => h('kbd', null, key))),
        h('dd', null, what),
      ]),
    );
  popover(anchor, 'Keys and mouse', () => [h('h3', null, 'Keys'), list(LIST), h('h3', null, 'Mouse'), list(MOUSE)]);
  return anchor;
}

/** Answer a key; true when it was one of ours. */
export function answerKey(
  event: KeyboardEvent,
  playback: Playback,
  actions: ControlActions & { spectrum: boolean },
): boolean {
  const brackets = event.getModifierState('AltGraph'); // where [ and ] are typed so
  if (!brackets && (event.ctrlKey || event.metaKey || event.altKey)) return false;
  const target = event.target as HTMLElement;
  if (target.closest('select, input, [role="dialog"]')) return false; // these have keys of their own
  if (event.key === ' ' && target.closest('button')) return false;
  const jump = (event.shiftKey ? 5 : 1) * SAMPLE_RATE;
  const answers: Record<string, () => void> = {
    ' ': () => playback.toggle(),
    ArrowLeft: () => playback.seek(playback.position - jump),
    ArrowRight: () => playback.seek(playback.position + jump),
    Home: () => playback.seek(0),
    End: () => playback.seek(playback.length),
    '+': () => actions.zoom(0.5),
    '=': () => actions.zoom(0.5),
    '-': () => actions.zoom(2),
    '0': () => actions.fit(),
    l: () => actions.toggleLoop(),
    s: () => actions.setSpectrum(!actions.spectrum),
    '[': () => playback.step(-1),
    ']': () => playback.step(1),
    Escape: () => playback.setLoop(null),
  };
  const answer = answers[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!answer || (event.key === 'Escape' && !playback.loop)) return false;
  answer();
  return true;
}
