/** Recording a speaker from the microphone: level, time, listen, again, use. */

import { Recorder, canRecord } from '../audio/recorder';
import { h } from '../dom';
import type { Host } from '../host';
import { button, type Failures, note } from '../kit/elements';
import { clock } from '../kit/format';
import { sendVoice } from './upload_panel';

export interface RecorderPanel {
  button: HTMLButtonElement;
  element: HTMLElement;
  dispose(): void;
}

const LIMIT_SECONDS = 60; // a longer voice costs context and improves nothing
const ENOUGH_SECONDS = 5;
const CLIPPING = 0.97;
const FAINT = 0.02;

/** What the meter says, in words, so that colour isn't all there is. */
export function levelWord(level: number): string {
  if (level >= CLIPPING) return 'Too loud';
  return level < FAINT ? 'Too quiet' : 'Good level';
}

/** Where a peak stands on the meter, 0 to 1: decibels from -60 up. */
export const meterPosition = (level: number): number =>
  Math.min(1, Math.max(0, 1 + (20 * Math.log10(Math.max(level, 1e-6))) / 60));

export function recorderPanel(host: Host, label: string, failures: Failures): RecorderPanel {
  let recorder: Recorder | null = null;
  let address = '';
  const element = h('div', { class: 'vvnb-recorder', hidden: true });

  const reset = (): void => {
    recorder?.cancel();
    recorder = null;
    if (address) URL.revokeObjectURL(address);
    address = '';
  };
  const close = (): void => {
    reset();
    element.hidden = true;
    opener.hidden = false;
    opener.focus();
  };
  const show = (...children: Node[]): void => {
    element.hidden = false;
    opener.hidden = true;
    element.replaceChildren(...children);
  };

  const record = async (): Promise<void> => {
    reset();
    const bar = h('i');
    const meter = h('div', { class: 'vvnb-meter', role: 'meter', 'aria-label': 'Microphone level', 'aria-valuemin': '0', 'aria-valuemax': '100' }, bar);
    const time = h('span', null, '0:00');
    const word = h('span', { class: 'vvnb-hint' }, '');
    let held = 0;
    const level = (peak: number, seconds: number): void => {
      held = Math.max(peak, held * 0.93);
      bar.style.setProperty('--level', meterPosition(held).toFixed(3));
      meter.setAttribute('aria-valuenow', String(Math.round(100 * meterPosition(held))));
      meter.toggleAttribute('data-clipping', held >= CLIPPING);
      time.textContent = clock(seconds);
      word.textContent = seconds < ENOUGH_SECONDS ? `${levelWord(held)}. Speak for at least ${ENOUGH_SECONDS} seconds.` : `${levelWord(held)}.`;
    };
    const went = await failures.during(async () => {
      recorder = await Recorder.start({ limit: LIMIT_SECONDS, onlevel: level, ondone: review });
    });
    if (!went) return close();
    const stop = button({ label: 'Stop', icon: 'stop', kind: 'primary', size: 'small', onclick: () => recorder?.stop() });
    show(
      h('div', { class: 'vvnb-row', 'data-nowrap': true }, h('span', { class: 'vvnb-recording-dot', 'aria-hidden': 'true' }), h('strong', null, 'Recording'), time, h('span', { class: 'vvnb-grow' }), stop, button({ label: 'Cancel', size: 'small', kind: 'quiet', onclick: close })),
      meter,
      word,
      h('p', { class: 'vvnb-hint' }, 'Speak as you would tell a friend about your day, in a quiet room, a hand’s width from the microphone. 10 to 20 seconds are best.'),
    );
    stop.focus();
  };

  const review = (recording: Blob): void => {
    reset();
    address = URL.createObjectURL(recording);
    const sending = h('div', { class: 'vvnb-slot' });
    const use = button({
      label: 'Use this recording',
      icon: 'check',
      kind: 'primary',
      size: 'small',
      onclick: () => {
        use.disabled = true;
        void failures
          .during(() => sendVoice(host, label, Object.assign(recording, { name: `${label} recorded` }), 'recording', sending))
          .then((went) => {
            use.disabled = false;
            if (went) close();
          });
      },
    });
    show(
      h('audio', { controls: true, src: address, 'aria-label': `The recording for ${label}`, class: 'vvnb-audio' }),
      h('div', { class: 'vvnb-row' }, use, button({ label: 'Record again', icon: 'mic', size: 'small', onclick: () => void record() }), button({ label: 'Discard', size: 'small', kind: 'quiet', onclick: close })),
      sending,
    );
    use.focus();
  };

  const opener = button({
    label: 'Record',
    icon: 'mic',
    size: 'small',
    title: 'Record a voice with the microphone',
    onclick: () => {
      if (canRecord()) return void record();
      show(
        note('warning', ['This page may not use a microphone. Open the notebook over https or on localhost, or upload a recording instead.'], close),
      );
    },
  });
  element.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    close();
  });
  return { button: opener, element, dispose: reset };
}
