/**
 * Layout of the Studio. Docked, where there is room: the script with a dock beside it and the player below, each
 * scrolling by itself. Otherwise a tower, which scrolls as a whole under a header that stays in sight.
 */

import { Disposers, type Dispose } from '../ui/disposers';
import { recallNumber, remember } from '../ui/remember';
import { splitter } from '../ui/splitter';
import { t } from '../strings';

export interface Panes {
  studio: HTMLElement;
  script: HTMLElement;
  dock: HTMLElement;
  player: HTMLElement;
}

/** Widths from which the layout is docked, in pixels: a document uses the whole height, so it docks earlier. */
const DOCKED_FROM = { document: 640, cell: 1000 };

const DOCK = { low: 260, share: 0.6, name: 'dock-width' };
const PLAYER = { low: 120, share: 0.6, name: 'player-height' };

export function mountLayout({ studio, script, dock, player }: Panes, isDocument: boolean): Dispose {
  const disposers = new Disposers();
  const from = DOCKED_FROM[isDocument ? 'document' : 'cell'];
  studio.toggleAttribute('data-document', isDocument);

  const side = splitter({
    label: t('studio.resize_dock'),
    orientation: 'vertical',
    sign: -1,
    size: () => dock.offsetWidth,
    limits: () => [DOCK.low, DOCK.share * studio.clientWidth],
    resize: (size) => studio.style.setProperty('--vvnb-dock', `${size}px`),
    onend: (size) => remember(DOCK.name, size),
    reset: () => {
      studio.style.removeProperty('--vvnb-dock');
      remember(DOCK.name, '');
    },
  });
  const below = splitter({
    label: t('studio.resize_player'),
    orientation: 'horizontal',
    sign: -1,
    size: () => player.offsetHeight,
    limits: () => [PLAYER.low, PLAYER.share * studio.clientHeight],
    resize: (size) => studio.style.setProperty('--vvnb-player', `${size}px`),
    onend: (size) => remember(PLAYER.name, size),
    reset: () => {
      studio.style.removeProperty('--vvnb-player');
      remember(PLAYER.name, '');
    },
  });
  side.element.classList.add('vvnb-splitter-side');
  below.element.classList.add('vvnb-splitter-below');
  script.after(side.element);
  player.before(below.element);
  for (const part of [side, below]) disposers.child(part);

  const restore = (name: string, property: string, low: number): void => {
    const size = recallNumber(name, low, 4000);
    if (size) studio.style.setProperty(property, `${size}px`);
  };
  restore(DOCK.name, '--vvnb-dock', DOCK.low);
  restore(PLAYER.name, '--vvnb-player', PLAYER.low);

  const measured = new ResizeObserver(() => {
    if (!studio.clientWidth) return; // hidden
    studio.dataset['layout'] = studio.clientWidth >= from ? 'docked' : 'tower';
    studio.style.setProperty('--vvnb-player-most', `${Math.round(PLAYER.share * studio.clientHeight)}px`);
    side.update();
    below.update();
  });
  measured.observe(studio);
  disposers.add(() => measured.disconnect());
  return disposers.dispose;
}
