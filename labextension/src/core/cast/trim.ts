/** A voice's waveform with two handles: what lies between them is kept. */

import { h } from '../dom';
import type { Host } from '../host';
import { button, type Failures } from '../kit/elements';
import { SAMPLE_RATE, span } from '../kit/format';
import { waveform } from '../kit/waveform';
import type { SpeakerVoice } from '../state';

export interface Trimmer {
  element: HTMLElement;
  show(samples: number, voice: SpeakerVoice, readOnly: boolean): void;
  dispose(): void;
}

/** Less than this is no voice: the checks would refuse it. */
const SHORTEST = 0.5 * SAMPLE_RATE;

export function trimmer(host: Host, label: string, failures: Failures): Trimmer {
  const wave = waveform(host, '--speaker-ink', 400);
  const shadeBefore = h('div', { class: 'vvnb-trim-shade' });
  const shadeAfter = h('div', { class: 'vvnb-trim-shade' });
  const length = h('span', { class: 'vvnb-hint' });
  const track = h('div', { class: 'vvnb-trim' }, wave.element, shadeBefore, shadeAfter);
  const bar = h('div', { class: 'vvnb-row', hidden: true }, length);
  let samples = 0;
  let range: [number, number] = [0, 0];
  let shown = '';

  const handles = (['start', 'stop'] as const).map((edge, at) => {
    const handle = h('button', {
      type: 'button',
      role: 'slider',
      class: 'vvnb-trim-handle',
      'data-edge': edge,
      'aria-label': `${at ? 'End' : 'Beginning'} of the voice of ${label}`,
      title: `Drag, or use the arrow keys, to cut the ${at ? 'end' : 'beginning'}`,
    });
    handle.addEventListener('pointerdown', (event) => {
      event.preventDefault();
      handle.focus();
      handle.setPointerCapture(event.pointerId);
    });
    handle.addEventListener('pointermove', (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const box = track.getBoundingClientRect();
      move(at, ((event.clientX - box.left) / box.width) * samples);
    });
    handle.addEventListener('keydown', (event) => {
      const step = SAMPLE_RATE * (event.shiftKey ? 1 : 0.1);
      const to = { ArrowLeft: range[at]! - step, ArrowRight: range[at]! + step, Home: 0, End: samples }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      move(at, to);
    });
    return handle;
  });
  track.append(...handles);

  const move = (at: number, to: number): void => {
    const shortest = Math.min(SHORTEST, samples);
    if (at === 0) range[0] = Math.round(Math.min(Math.max(0, to), range[1] - shortest));
    else range[1] = Math.round(Math.max(Math.min(samples, to), range[0] + shortest));
    draw();
  };
  const draw = (): void => {
    const part = (value: number): string => `${samples ? (100 * value) / samples : 0}%`;
    shadeBefore.style.width = part(range[0]);
    shadeAfter.style.width = part(samples - range[1]);
    handles.forEach((handle, at) => {
      handle.style.insetInlineStart = part(range[at]!);
      handle.setAttribute('aria-valuemin', '0');
      handle.setAttribute('aria-valuemax', (samples / SAMPLE_RATE).toFixed(1));
      handle.setAttribute('aria-valuenow', (range[at]! / SAMPLE_RATE).toFixed(1));
      handle.setAttribute('aria-valuetext', span(range[at]! / SAMPLE_RATE));
    });
    bar.hidden = range[0] === 0 && range[1] === samples;
    length.textContent = `${span((range[1] - range[0]) / SAMPLE_RATE)} of ${span(samples / SAMPLE_RATE)}`;
  };
  const reset = (): void => {
    range = [0, samples];
    draw();
  };
  bar.append(
    h('span', { class: 'vvnb-grow' }),
    button({ label: 'Reset', size: 'small', kind: 'quiet', onclick: reset }),
    button({
      label: 'Cut to this',
      size: 'small',
      onclick: () =>
        void failures.during(() =>
          host.channel.call('trim_voice', { speaker: label, start: range[0], stop: range[1] }),
        ),
    }),
  );
  return {
    element: h('div', { class: 'vvnb-stack', 'data-tight': true }, track, bar),
    show(count, voice, readOnly) {
      track.toggleAttribute('data-fixed', voice.kind === 'built-in' || readOnly);
      wave.redraw();
      const key = `${voice.kind} ${voice.name} ${count}`;
      if (key === shown) return;
      shown = key;
      samples = count;
      wave.show(`voice:${label}`, samples);
      reset();
    },
    dispose: wave.dispose,
  };
}
