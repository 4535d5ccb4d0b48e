/** Keys of the player, and the help that lists them. */

import { SAMPLE_RATE } from '../audio/resample';
import { t } from '../strings';
import { h } from '../ui/dom';
import { button } from '../ui/elements';
import { popover } from '../ui/popover';
import type { ControlActions } from './actions';
import type { Playback } from './playback';

type Row = readonly [keys: string, action: string];

const keyRows = (): Row[] => [
  [t('player.key_space'), t('player.key_play')],
  ['← →', t('player.key_seek')],
  ['[ ]', t('player.key_turn')],
  ['Home End', t('player.key_ends')],
  ['+ − 0', t('player.key_zoom')],
  ['L', t('player.key_loop')],
  ['Esc', t('player.key_escape')],
  ['S', t('player.key_views')],
];

const mouseRows = (): Row[] => [
  [t('player.mouse_click'), t('player.mouse_click_does')],
  [t('player.mouse_drag'), t('player.mouse_drag_does')],
  [`Ctrl ${t('player.mouse_wheel')}`, t('player.mouse_zoom_does')],
  [`Shift ${t('player.mouse_wheel')}`, t('player.mouse_pan_does')],
];

/** A "?" button that lists all keys. */
export function keysButton(): HTMLElement {
  const title = t('player.keys_and_mouse');
  const anchor = button({ kind: 'quiet', bare: true, label: title, icon: 'help' });
  const list = (rows: Row[]): HTMLElement =>
    h(
      'dl',
      { class: 'vvnb-deck-keys' },
      ...rows.flatMap(([keys, action]) => [
        h('dt', null, ...keys.split(' ').map((key) => h('kbd', null, key))),
        h('dd', null, action),
      ]),
    );
  popover(anchor, title, () => [
    h('h3', null, t('player.keys')),
    list(keyRows()),
    h('h3', null, t('player.mouse')),
    list(mouseRows()),
  ]);
  return anchor;
}

/** Handle a key; return true if it is one of the player's. */
export function answerKey(event: KeyboardEvent, playback: Playback, actions: ControlActions): boolean {
  const brackets = event.getModifierState('AltGraph'); // [ and ] need AltGr on some keyboards
  if (!brackets && (event.ctrlKey || event.metaKey || event.altKey)) return false;
  const target = event.target as HTMLElement;
  const field = target.closest('select, input, [role="dialog"]'); // these have their own keys
  const sliding = event.key === ' ' && field?.matches('[type="range"]'); // a slider does not use Space
  if ((field && !sliding) || (event.key === ' ' && target.closest('button'))) return false;
  const jump = (event.shiftKey ? 5 : 1) * SAMPLE_RATE;
  const answers: Record<string, () => void> = {
    ' ': () => playback.toggle(),
    ArrowLeft: () => playback.goTo(playback.position - jump),
    ArrowRight: () => playback.goTo(playback.position + jump),
    Home: () => playback.goTo(0),
    End: () => playback.goTo(playback.length),
    '+': () => actions.zoom(0.5),
    '=': () => actions.zoom(0.5),
    '-': () => actions.zoom(2),
    '0': () => actions.fit(),
    l: () => actions.toggleLoop(),
    s: () => actions.nextViews(),
    '[': () => playback.step(-1),
    ']': () => playback.step(1),
    Escape: () => playback.setLoop(null),
  };
  const answer = answers[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!answer || (event.key === 'Escape' && !playback.loop)) return false;
  answer();
  return true;
}
