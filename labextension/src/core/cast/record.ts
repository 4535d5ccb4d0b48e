/** Microphone recording of a speaker: level and time while recording, then a review. */

import { Recorder, canRecord } from '../audio/recorder';
import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { button, type Failures, note } from '../ui/elements';
import { clock } from '../ui/format';
import { Disposers } from '../ui/disposers';
import { t } from '../strings';
import { sendVoice } from './upload_panel';

const LIMIT_SECONDS = 60; // a longer voice takes up context without improving the result
const ENOUGH_SECONDS = 5;
const CLIPPING = 0.97;
const FAINT = 0.02;

/** Return the level in words, so that color is not the only cue. */
export function levelText(level: number): string {
  if (level >= CLIPPING) return t('cast.too_loud');
  return level < FAINT ? t('cast.too_quiet') : t('cast.good_level');
}

/** Position of a peak on the meter: -60 to 0 dB mapped to 0 to 1. */
export const meterPosition = (level: number): number =>
  Math.min(1, Math.max(0, 1 + (20 * Math.log10(Math.max(level, 1e-6))) / 60));

/** Warn if the model does not support recorded voices. */
export function recordingWarning(host: Host): HTMLElement[] {
  const limits = host.get('model_limits');
  if (!limits || limits.follows_voices !== false) return [];
  return [note('warning', [t('cast.recording_unsupported', { model: host.get('model') ?? t('cast.the_model') })])];
}

export class RecorderPanel {
  readonly element = h('div', { class: 'vvnb-recorder', hidden: true, onkeydown: (event) => this.key(event) });
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  readonly button = button({
    label: t('cast.record'),
    icon: 'mic',
    size: 'small',
    title: t('cast.record_hint'),
    onclick: () =>
      canRecord() ? void this.record() : this.show(note('warning', [t('cast.no_microphone')], () => this.close())),
  });
  private recorder: Recorder | null = null;
  private address = '';

  constructor(
    private readonly host: Host,
    private readonly label: string,
    private readonly failures: Failures,
  ) {
    this.disposers.add(() => this.reset());
  }

  /** Stop recording and discard the recording. */
  private reset(): void {
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
    const ok = await this.failures.during(async () => {
      this.recorder = await Recorder.start({
        limit: LIMIT_SECONDS,
        onlevel: (peak, seconds) => meter.show(peak, seconds),
        ondone: (recording) => this.review(recording),
      });
    });
    if (!ok) return this.close();
    const stop = button({
      label: t('common.stop'),
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
        h('strong', null, t('cast.recording')),
        meter.time,
        h('span', { class: 'vvnb-grow' }),
        stop,
        button({ label: t('cast.cancel'), size: 'small', kind: 'quiet', onclick: () => this.close() }),
      ),
      meter.element,
      meter.text,
      h('p', { class: 'vvnb-hint' }, t('cast.recording_advice')),
      ...recordingWarning(this.host),
    );
    stop.focus();
  }

  private review(recording: Blob): void {
    this.reset();
    this.address = URL.createObjectURL(recording);
    const sending = h('div', { class: 'vvnb-slot' });
    const named = Object.assign(recording, { name: t('cast.recorded_name', { speaker: this.label }) });
    const send = async (): Promise<void> => {
      use.disabled = true;
      const ok = await this.failures.during(() => sendVoice(this.host, this.label, named, 'recording', sending));
      use.disabled = false;
      if (ok) this.close();
    };
    const use = button({
      label: t('cast.use_recording'),
      icon: 'check',
      kind: 'primary',
      size: 'small',
      onclick: () => void send(),
    });
    this.show(
      h('audio', {
        controls: true,
        src: this.address,
        'aria-label': t('cast.new_recording', { speaker: this.label }),
        class: 'vvnb-audio',
      }),
      h(
        'div',
        { class: 'vvnb-row' },
        use,
        button({ label: t('cast.record_again'), icon: 'mic', size: 'small', onclick: () => void this.record() }),
        button({ label: t('cast.discard'), size: 'small', kind: 'quiet', onclick: () => this.close() }),
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

/** Microphone level as a bar and in words. */
class Meter {
  private readonly bar = h('i');
  private held = 0;
  readonly time = h('span', null, clock(0));
  readonly text = h('span', { class: 'vvnb-hint' });
  readonly element = h(
    'div',
    {
      class: 'vvnb-meter',
      role: 'meter',
      'aria-label': t('cast.microphone_level'),
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
    const level = levelText(this.held);
    this.text.textContent =
      seconds < ENOUGH_SECONDS
        ? t('cast.level_hint_short', { level, count: ENOUGH_SECONDS })
        : t('cast.level_hint', { level });
  }
}
