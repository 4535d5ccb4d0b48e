/** Views of the player below its toolbar, and their sizes; remembered in the browser. */

import { recallChoice, recallNumber, remember } from '../ui/remember';

export const VIEWS = ['waveform', 'spectrogram', 'both'] as const;
export type Views = (typeof VIEWS)[number];

/** Height of the window from which waveform and spectrogram are both shown by default, pixels. */
const HIGH_ENOUGH = 760;
/** And below which the player starts collapsed to its toolbar and overview. */
const LOW = 560;

export interface Shown {
  /** Pictures that were chosen. */
  views: Views;
  /** Audio that is being generated: it has no spectrogram yet. */
  live: boolean;
  collapsed: boolean;
  /** Part of the height that the waveform takes beside a spectrogram. */
  share: number;
}

export function recallShown(): Shown {
  const views = recallChoice('player-views', VIEWS) ?? (innerHeight >= HIGH_ENOUGH ? 'both' : 'waveform');
  const collapsed = recallChoice('player-collapsed', ['yes', 'no']);
  return {
    views,
    live: false,
    collapsed: collapsed ? collapsed === 'yes' : innerHeight < LOW,
    share: recallNumber('player-share', 0.15, 0.85) ?? 0.44,
  };
}

/** Pictures that can be seen: of live audio, the waveform only. */
export const visibleViews = (shown: Shown): Views => (shown.live ? 'waveform' : shown.views);

export const rememberViews = (views: Views): void => remember('player-views', views);
export const rememberCollapsed = (on: boolean): void => remember('player-collapsed', on ? 'yes' : 'no');
export const rememberShare = (share: number): void => remember('player-share', share.toFixed(3));
