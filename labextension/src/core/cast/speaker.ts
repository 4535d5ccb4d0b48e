/** One speaker of the cast: color, voice, what was found about it, and the right to use it. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { badge, button, check, Failures, note, type Tone } from '../ui/elements';
import { clock, SAMPLE_RATE, span } from '../ui/format';
import type { Methods } from '../host/protocol';
import type { KnownVoice, Speaker, SpeakerVoice, VoiceKind } from '../host/traits';
import { acceptVoices } from './drag';
import { keepPanel, type KeepPanel } from './keep';
import { RecorderPanel } from './record';
import { Trimmer } from './trim';
import { uploadPanel, type UploadPanel } from './upload_panel';

const KINDS: Record<VoiceKind, string> = {
  'built-in': 'Built-in voice',
  library: 'From your library',
  upload: 'Uploaded recording',
  recording: 'Recorded here',
  file: 'Recording',
};

export class SpeakerCard {
  readonly element: HTMLElement;
  private readonly failures = new Failures();
  private readonly color: HTMLInputElement;
  private readonly select: HTMLSelectElement;
  private readonly play: HTMLButtonElement;
  private readonly remove: HTMLButtonElement;
  private readonly absent = badge(
    'not in the script',
    undefined,
    'Nobody of this name speaks; the voice is kept in case',
  );
  private readonly about = h('p', { class: 'vvnb-hint' });
  private readonly trim: Trimmer;
  private readonly checks = h('div', { class: 'vvnb-slot vvnb-findings' });
  private readonly consent = check("I have the right to use this person's voice.", (consent) =>
    this.ask('set_consent', { speaker: this.label, consent }),
  );
  private readonly keep: KeepPanel;
  private readonly uploads: UploadPanel;
  private readonly recorder: RecorderPanel;
  private readonly detail: HTMLElement;
  private readonly stopDrops: (() => void)[];
  private shown = '';

  constructor(
    private readonly host: Host,
    bus: Bus,
    private readonly label: string,
  ) {
    this.color = h('input', {
      type: 'color',
      class: 'vvnb-color',
      'aria-label': `Color of ${label}`,
      title: 'Color in script, waveform and takes',
      onchange: () => this.ask('set_color', { speaker: label, color: this.color.value }),
    });
    this.select = h('select', {
      class: 'vvnb-select',
      'aria-label': `Voice of ${label}`,
      onchange: () => this.select.value && this.ask('set_voice', { speaker: label, voice: this.select.value }),
    });
    this.play = button({
      label: `Hear the voice of ${label}`,
      icon: 'play',
      bare: true,
      title: 'Hear this voice',
      onclick: () => bus.emit('audition', { source: `voice:${label}`, autoplay: true }),
    });
    this.remove = button({
      label: `Remove the voice of ${label}`,
      icon: 'close',
      bare: true,
      kind: 'quiet',
      size: 'small',
      onclick: () => this.ask('clear_voice', { speaker: label }),
    });
    this.trim = new Trimmer(host, label, this.failures);
    this.keep = keepPanel(host, label, this.failures);
    this.uploads = uploadPanel(host, label, this.failures);
    this.recorder = new RecorderPanel(host, label, this.failures);
    this.detail = h(
      'div',
      { class: 'vvnb-stack' },
      this.trim.element,
      this.about,
      this.checks,
      this.consent.element,
      this.keep.element,
    );
    this.element = this.layOut();
    this.stopDrops = [
      this.uploads.acceptDrops(this.element),
      acceptVoices(this.element, (voice) => this.select.disabled || this.ask('set_voice', { speaker: label, voice })),
    ];
  }

  update(speaker: Speaker): void {
    const voices = this.host.get('voices') ?? [];
    const readOnly = this.host.get('project')?.read_only ?? false;
    const turns = this.host.get('turns');
    this.absent.hidden = !turns || turns.some((turn) => turn.speaker === this.label);
    const now = JSON.stringify([speaker, voices, readOnly, this.host.get('model')]);
    if (now === this.shown) return;
    this.shown = now;
    const { voice } = speaker;
    this.element.style.setProperty('--speaker', speaker.color);
    this.color.value = speaker.color;
    fillChoices(this.select, voices, voice);
    const fields = [
      this.color,
      this.select,
      this.remove,
      this.uploads.button,
      this.recorder.button,
      this.consent.input,
    ];
    for (const field of fields) field.disabled = readOnly;
    this.play.disabled = !voice;
    this.remove.hidden = !voice;
    this.detail.hidden = !voice;
    if (voice) this.showVoice(voice, voices, readOnly);
  }

  dispose(): void {
    for (const stop of this.stopDrops) stop();
    this.trim.dispose();
    this.recorder.reset();
  }

  private ask<M extends keyof Methods>(method: M, params: Methods[M]): void {
    void this.failures.during(() => this.host.channel.call(method, params));
  }

  private layOut(): HTMLElement {
    const row = (...children: HTMLElement[]): HTMLElement =>
      h('div', { class: 'vvnb-row', 'data-nowrap': true }, ...children);
    return h(
      'li',
      { class: 'vvnb-card vvnb-speaker' },
      row(
        this.color,
        h('h3', { class: 'vvnb-ellipsis' }, this.label),
        this.absent,
        h('span', { class: 'vvnb-grow' }),
        this.remove,
      ),
      row(h('div', { class: 'vvnb-grow' }, this.select), this.play),
      this.detail,
      h('div', { class: 'vvnb-row' }, this.uploads.button, this.recorder.button),
      this.uploads.element,
      this.recorder.element,
      this.failures.element,
    );
  }

  private showVoice(voice: SpeakerVoice, voices: readonly KnownVoice[], readOnly: boolean): void {
    this.about.textContent = describe(voice, voices);
    this.trim.show(Math.round(voice.seconds * SAMPLE_RATE), voice, readOnly);
    this.checks.replaceChildren(...findings(voice, this.host.get('model') || 'The model'));
    this.consent.element.hidden = !voice.needs_consent;
    this.consent.input.checked = voice.consent;
    this.consent.element.toggleAttribute('data-open', !voice.consent);
    this.keep.show(voice, readOnly);
  }
}

function describe(voice: SpeakerVoice, voices: readonly KnownVoice[]): string {
  const known = voices.find((candidate) => candidate.name === voice.name && candidate.kind === voice.kind);
  const what = known?.description || KINDS[voice.kind];
  return `${what[0]!.toUpperCase()}${what.slice(1)}, ${voice.seconds < 60 ? span(voice.seconds) : clock(voice.seconds)}`;
}

/** Fill the menu: built-in voices, the person's library, and whatever the speaker has that is neither. */
function fillChoices(select: HTMLSelectElement, voices: readonly KnownVoice[], voice: SpeakerVoice | null): void {
  const group = (title: string, kind: VoiceKind): HTMLElement | false => {
    const options = voices
      .filter((known) => known.kind === kind)
      .map((known) => h('option', { value: known.name, title: known.description }, known.name));
    return options.length > 0 && h('optgroup', { label: title }, ...options);
  };
  const own = voice && !voices.some((known) => known.name === voice.name && known.kind === voice.kind);
  const parts = [
    !voice && h('option', { value: '', disabled: true }, 'Choose a voice…'),
    own && h('optgroup', { label: 'This recording' }, h('option', { value: '' }, voice.name)),
    group('Built-in', 'built-in'),
    group('Your library', 'library'),
  ];
  select.replaceChildren(...parts.filter((part): part is HTMLOptionElement | HTMLOptGroupElement => Boolean(part)));
  select.value = voice && !own ? voice.name : '';
}

const SEVERITIES: Record<string, Tone> = { error: 'danger', warning: 'warning', info: 'accent' };

export function findings(voice: SpeakerVoice, model: string): HTMLElement[] {
  const notes = voice.checks.map((found) => {
    const message = `${found.message[0]?.toUpperCase() ?? ''}${found.message.slice(1)}.`;
    const remedy = found.remedy && `${found.remedy[0]!.toUpperCase()}${found.remedy.slice(1)}.`;
    const element = note(SEVERITIES[found.severity] ?? 'accent', [
      h('span', { class: 'vvnb-visually-hidden' }, `${found.severity}: `),
      h('div', null, message),
      remedy ? h('div', { class: 'vvnb-hint' }, remedy) : null,
    ]);
    element.removeAttribute('role'); // it is there to be read, not shouted
    return element;
  });
  if (voice.stand_in) {
    const words = `${model} cannot follow a recording: this speaker gets the built-in voice ${voice.stand_in} instead.`;
    const element = note('warning', [
      h('div', null, words),
      h('div', { class: 'vvnb-hint' }, 'Choose another model to use this recording.'),
    ]);
    element.removeAttribute('role');
    return [element, ...notes];
  }
  if (!notes.length && voice.needs_consent) notes.push(note('good', ['A clean recording: nothing to object to.']));
  return notes;
}
