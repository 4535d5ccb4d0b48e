/** Recording a speaker from the microphone: level, time, listen, again, use. */

import { Recorder, canRecord } from '../audio/recorder';
import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { button, type Failures, note } from '../ui/elements';
import { clock } from '../ui/format';
import { sendVoice } from './upload_panel';

const LIMIT_SECONDS = 60; // a longer voice costs context and improves nothing
const ENOUGH_SECONDS = 5;
const CLIPPING = 0.97;
const FAINT = 0.02;

/** What the meter says, in words, so that color isn't all there is. */
export function levelWord(level: number): string {
  if (level >= CLIPPING) return 'Too loud';
  return level < FAINT ? 'Too quiet' : 'Good level';
}

/** Where a peak stands on the meter, 0 to 1: decibels from -60 up. */
export const meterPosition = (level: number): number =>
  Math.min(1, Math.max(0, 1 + (20 * Math.log10(Math.max(level, 1e-6))) / 60));

const INVITATION =
  'Speak as you would tell a friend about your day, in a quiet room, a hand’s width from the microphone. 10 to 20 seconds are best.';
const REFUSAL =
  'This page may not use a microphone. Open the notebook over https or on localhost, or upload a recording instead.';

/** A warning where the model would not speak with the voice that is recorded. */
export function voiceLimit(host: Host): HTMLElement[] {
  const limits = host.get('model_limits');
  if (!limits || limits.follows_voices !== false) return [];
  const words = `${host.get('model')} cannot follow a recording: it will use a built-in voice instead. Other models use the recording.`;
  return [note('warning', [words])];
}

export class RecorderPanel {
  readonly element = h('div', { class: 'vvnb-recorder', hidden: true, onkeydown: (event) => this.key(event) });
  readonly button = button({
    label: 'Record',
    icon: 'mic',
    size: 'small',
    title: 'Record a voice with the microphone',
    onclick: () => (canRecord() ? void this.record() : this.show(note('warning', [REFUSAL], () => this.close()))),
  });
  private recorder: Recorder | null = null;
  private address = '';

  constructor(
    private readonly host: Host,
    private readonly label: string,
    private readonly failures: Failures,
  ) {}

  /** Stop, and forget what was recorded. */
  reset(): void {
    this.recorder?.cancel();
    this.recorder = null;
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = '';
  }

  private close(): void {
    this.reset();
    this.element.hidden = true;
    this.button.hidden = false;
    this.button.focus();
  }

  private show(...children: Node[]): void {
    this.element.hidden = false;
    this.button.hidden = true;
    this.element.replaceChildren(...children);
  }

  private async record(): Promise<void> {
    this.reset();
    const meter = new Meter();
    const went = await this.failures.during(async () => {
      this.recorder = await Recorder.start({
        limit: LIMIT_SECONDS,
        onlevel: (peak, seconds) => meter.show(peak, seconds),
        ondone: (recording) => this.review(recording),
      });
    });
    if (!went) return this.close();
    const stop = button({
      label: 'Stop',
      icon: 'stop',
      kind: 'primary',
      size: 'small',
      onclick: () => this.recorder?.stop(),
    });
    this.show(
      h(
        'div',
        { class: 'vvnb-row', 'data-nowrap': true },
        h('span', { class: 'vvnb-recording-dot', 'aria-hidden': 'true' }),
        h('strong', null, 'Recording'),
        meter.time,
        h('span', { class: 'vvnb-grow' }),
        stop,
        button({ label: 'Cancel', size: 'small', kind: 'quiet', onclick: () => this.close() }),
      ),
      meter.element,
      meter.word,
      h('p', { class: 'vvnb-hint' }, INVITATION),
      ...voiceLimit(this.host),
    );
    stop.focus();
  }

  private review(recording: Blob): void {
    this.reset();
    this.address = URL.createObjectURL(recording);
    const sending = h('div', { class: 'vvnb-slot' });
    const named = Object.assign(recording, { name: `${this.label} recorded` });
    const send = async (): Promise<void> => {
      use.disabled = true;
      const went = await this.failures.during(() => sendVoice(this.host, this.label, named, 'recording', sending));
      use.disabled = false;
      if (went) this.close();
    };
    const use = button({
      label: 'Use this recording',
      icon: 'check',
      kind: 'primary',
      size: 'small',
      onclick: () => void send(),
    });
    this.show(
      h('audio', {
        controls: true,
        src: this.address,
        'aria-label': `The recording for ${this.label}`,
        class: 'vvnb-audio',
      }),
      h(
        'div',
        { class: 'vvnb-row' },
        use,
        button({ label: 'Record again', icon: 'mic', size: 'small', onclick: () => void this.record() }),
        button({ label: 'Discard', size: 'small', kind: 'quiet', onclick: () => this.close() }),
      ),
      sending,
    );
    use.focus();
  }

  private key(event: KeyboardEvent): void {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    this.close();
  }
}

/** The microphone's level as a bar and a word. */
class Meter {
  private readonly bar = h('i');
  private held = 0;
  readonly time = h('span', null, clock(0));
  readonly word = h('span', { class: 'vvnb-hint' });
  readonly element = h(
    'div',
    {
      class: 'vvnb-meter',
      role: 'meter',
      'aria-label': 'Microphone level',
      'aria-valuemin': '0',
      'aria-valuemax': '100',
      'aria-valuenow': '0',
    },
    this.bar,
  );

  show(peak: number, seconds: number): void {
    this.held = Math.max(peak, this.held * 0.93); // falls slowly enough to be read
    const position = meterPosition(this.held);
    this.bar.style.setProperty('--level', position.toFixed(3));
    this.element.setAttribute('aria-valuenow', String(Math.round(100 * position)));
    this.time.textContent = clock(seconds);
    const more = seconds < ENOUGH_SECONDS ? ` Speak for at least ${ENOUGH_SECONDS} seconds.` : '';
    this.word.textContent = `${levelWord(this.held)}.${more}`;
  }
}
