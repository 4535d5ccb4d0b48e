/** Toolbar of the player. */

import { SAMPLE_RATE } from '../audio/resample';
import { t } from '../strings';
import { h } from '../ui/dom';
import { button, relabel, segments } from '../ui/elements';
import { clock } from '../ui/format';
import type { ControlActions } from './actions';
import { keysButton } from './keys';
import type { Scale } from './frequencies';
import type { Playback } from './playback';
import type { Views } from './views';

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2] as const;

export interface ControlState {
  whole: boolean;
  follow: boolean;
  views: Views;
  live: boolean;
  collapsed: boolean;
  scale: Scale;
}

export interface Controls {
  element: HTMLElement;
  update(state: ControlState): void;
  showTime(position: number): void;
}

export function controls(playback: Playback, actions: ControlActions): Controls {
  const quiet = { kind: 'quiet', bare: true } as const;
  const before = button({
    ...quiet,
    label: t('player.previous_turn'),
    icon: 'previous',
    onclick: () => playback.step(-1),
  });
  const play = button({
    kind: 'primary',
    bare: true,
    label: t('common.play'),
    icon: 'play',
    onclick: () => playback.toggle(),
  });
  const after = button({ ...quiet, label: t('player.next_turn'), icon: 'next', onclick: () => playback.step(1) });
  const time = h('span', { class: 'vvnb-deck-now' });
  const total = h('span', { class: 'vvnb-muted' });
  const speed = h(
    'select',
    {
      class: 'vvnb-select vvnb-deck-speed',
      'aria-label': t('player.speed'),
      title: t('player.speed_hint'),
      onchange: () => playback.setSpeed(Number(speed.value)),
    },
    ...SPEEDS.map((value) => h('option', { value }, `${value}×`)),
  );
  const loop = button({
    ...quiet,
    label: t('player.loop'),
    icon: 'loop',
    pressed: false,
    onclick: () => actions.toggleLoop(),
  });
  const volume = volumeControl(playback);
  const closer = button({ ...quiet, label: t('player.zoom_in'), icon: 'plus', onclick: () => actions.zoom(0.5) });
  const wider = button({ ...quiet, label: t('player.zoom_out'), icon: 'minus', onclick: () => actions.zoom(2) });
  const all = button({ ...quiet, label: t('player.show_all'), icon: 'fit', onclick: () => actions.fit() });
  const follow = button({
    ...quiet,
    label: t('player.follow'),
    icon: 'follow',
    pressed: true,
    onclick: () => actions.setFollow(follow.getAttribute('aria-pressed') !== 'true'),
  });
  const choices = [
    ['waveform', t('player.view_waveform')],
    ['spectrogram', t('player.spectrogram')],
    ['both', t('player.view_both')],
  ] as const;
  const views = segments<Views>(t('player.view'), choices, (value) => actions.setViews(value));
  views.element.classList.add('vvnb-deck-views');
  const collapse = button({
    ...quiet,
    label: t('player.collapse'),
    icon: 'chevron',
    onclick: () => actions.setCollapsed(collapse.getAttribute('aria-expanded') === 'true'),
  });
  collapse.classList.add('vvnb-deck-collapse');
  const scales = [
    ['mel', t('player.mel')],
    ['linear', t('player.linear')],
  ] as const;
  const scale = h(
    'select',
    {
      class: 'vvnb-select vvnb-deck-scale',
      'aria-label': t('player.frequency_scale'),
      title: t('player.frequency_scale'),
      onchange: () => actions.setScale(scale.value as Scale),
    },
    ...scales.map(([value, label]) => h('option', { value }, label)),
  );
  const element = h(
    'div',
    { class: 'vvnb-deck-bar', role: 'toolbar', 'aria-label': t('player.controls') },
    h('div', { class: 'vvnb-deck-group' }, before, play, after),
    h('div', { class: 'vvnb-deck-time' }, time, total),
    h('div', { class: 'vvnb-deck-group' }, speed, loop),
    volume.element,
    h('span', { class: 'vvnb-deck-space' }),
    h('div', { class: 'vvnb-deck-group vvnb-deck-picture' }, scale, views.element),
    h('div', { class: 'vvnb-deck-group vvnb-deck-zoom' }, wider, all, closer, follow),
    h('div', { class: 'vvnb-deck-group' }, keysButton(), collapse),
  );
  return {
    element,
    showTime(position) {
      const tenths = clock(Math.floor(position / (SAMPLE_RATE / 10)) / 10, true);
      if (time.textContent !== tenths) time.textContent = tenths;
    },
    update(state) {
      const { playing, blocked, summary, turns, length, growing } = playback;
      relabel(play, playing && !blocked ? t('common.pause') : t('common.play'), playing && !blocked ? 'pause' : 'play');
      play.disabled = !summary || (length === 0 && !growing);
      before.disabled = after.disabled = turns.length === 0;
      loop.disabled = closer.disabled = length === 0;
      wider.disabled = all.disabled = state.whole;
      total.textContent = ` / ${clock(length / SAMPLE_RATE, true)}`;
      speed.value = String(playback.speed);
      loop.setAttribute('aria-pressed', String(playback.loop !== null));
      follow.setAttribute('aria-pressed', String(state.follow));
      views.set(state.views);
      collapse.setAttribute('aria-expanded', String(!state.collapsed));
      const label = state.collapsed ? t('player.expand') : t('player.collapse');
      collapse.setAttribute('aria-label', label);
      collapse.title = label;
      scale.hidden = state.collapsed || state.live || state.views === 'waveform';
      scale.value = state.scale;
      volume.update();
    },
  };
}

function volumeControl(playback: Playback): { element: HTMLElement; update: () => void } {
  let loud = 1;
  const mute = button({
    kind: 'quiet',
    bare: true,
    label: t('player.mute'),
    icon: 'volume',
    onclick: () => {
      if (playback.volume > 0) loud = playback.volume;
      playback.setVolume(playback.volume > 0 ? 0 : loud);
    },
  });
  const slider = h('input', {
    type: 'range',
    class: 'vvnb-slider',
    min: 0,
    max: 100,
    'aria-label': t('player.volume'),
    oninput: () => playback.setVolume((Number(slider.value) / 100) ** 2), // perceived loudness is roughly the square root
  });
  return {
    element: h('div', { class: 'vvnb-deck-group vvnb-deck-volume' }, mute, slider),
    update() {
      const silent = playback.volume === 0;
      relabel(mute, silent ? t('player.unmute') : t('player.mute'), silent ? 'muted' : 'volume');
      slider.value = String(Math.round(100 * Math.sqrt(playback.volume)));
    },
  };
}
