/** Card of one speaker: color, voice, the findings of the voice checks, and consent. */

import { h, type Child } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { Disposers } from '../ui/disposers';
import { badge, button, check, Failures, note, type Tone } from '../ui/elements';
import { clock, SAMPLE_RATE, span } from '../ui/format';
import type { Methods } from '../host/protocol';
import type { Check, KnownVoice, Speaker, SpeakerVoice, VoiceKind } from '../host/traits';
import { t, type TextKey } from '../strings';
import { acceptVoices } from './drag';
import { keepPanel, type KeepPanel } from './keep';
import { RecorderPanel } from './record';
import { Trimmer } from './trim';
import { uploadPanel, type UploadPanel } from './upload_panel';

const KINDS = {
  'built-in': 'cast.kind_built_in',
  library: 'cast.kind_library',
  upload: 'cast.kind_upload',
  recording: 'cast.kind_recording',
  file: 'cast.kind_file',
} as const satisfies Record<VoiceKind, TextKey>;

const SEVERITIES = {
  error: { tone: 'danger', label: 'cast.error' },
  warning: { tone: 'warning', label: 'cast.warning' },
  info: { tone: 'accent', label: 'cast.info' },
} as const satisfies Record<Check['severity'], { tone: Tone; label: TextKey }>;

export class SpeakerCard {
  readonly element: HTMLElement;
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  private readonly failures = new Failures();
  private readonly color: HTMLInputElement;
  private readonly select: HTMLSelectElement;
  private readonly play: HTMLButtonElement;
  private readonly remove: HTMLButtonElement;
  private readonly absent = badge(t('cast.not_in_script'), undefined, t('cast.not_in_script_hint'));
  private readonly about = h('p', { class: 'vvnb-hint' });
  private readonly trim: Trimmer;
  private readonly checks = h('div', { class: 'vvnb-slot vvnb-findings' });
  private readonly consent = check(t('cast.consent'), (consent) =>
    this.ask('set_consent', { speaker: this.label, consent }),
  );
  private readonly keep: KeepPanel;
  private readonly uploads: UploadPanel;
  private readonly recorder: RecorderPanel;
  private readonly detail: HTMLElement;
  private shown = '';

  constructor(
    private readonly host: Host,
    bus: Bus,
    private readonly label: string,
  ) {
    this.color = h('input', {
      type: 'color',
      class: 'vvnb-color',
      'aria-label': t('cast.color_of', { speaker: label }),
      title: t('cast.color_hint'),
      onchange: () => this.ask('set_color', { speaker: label, color: this.color.value }),
    });
    this.select = h('select', {
      class: 'vvnb-select',
      'aria-label': t('cast.voice_of', { speaker: label }),
      onchange: () => this.select.value && this.ask('set_voice', { speaker: label, voice: this.select.value }),
    });
    this.play = button({
      label: t('cast.play_voice', { speaker: label }),
      icon: 'play',
      bare: true,
      title: t('cast.play_voice_hint'),
      onclick: () => bus.emit('audition', { source: `voice:${label}`, autoplay: true }),
    });
    this.remove = button({
      label: t('cast.remove_voice', { speaker: label }),
      icon: 'close',
      bare: true,
      kind: 'quiet',
      size: 'small',
      onclick: () => this.ask('clear_voice', { speaker: label }),
    });
    this.trim = this.disposers.child(new Trimmer(host, label, this.failures));
    this.keep = keepPanel(host, label, this.failures);
    this.uploads = uploadPanel(host, label, this.failures);
    this.recorder = this.disposers.child(new RecorderPanel(host, label, this.failures));
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
    this.disposers.add(
      this.uploads.acceptDrops(this.element),
      acceptVoices(this.element, (voice) => this.select.disabled || this.ask('set_voice', { speaker: label, voice })),
    );
  }

  update(speaker: Speaker): void {
    const voices = this.host.get('voices') ?? [];
    const readOnly = this.host.get('project_state')?.read_only ?? false;
    const turns = this.host.get('turns');
    this.absent.hidden = !turns || turns.some((turn) => turn.speaker === this.label);
    const key = JSON.stringify([speaker, voices, readOnly, this.host.get('model')]);
    if (key === this.shown) return;
    this.shown = key;
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
    this.checks.replaceChildren(...findings(voice, this.host.get('model') || t('cast.the_model')));
    this.consent.element.hidden = !voice.needs_consent;
    this.consent.input.checked = voice.consent;
    this.consent.element.toggleAttribute('data-open', !voice.consent);
    this.keep.show(voice, readOnly);
  }
}

function describe(voice: SpeakerVoice, voices: readonly KnownVoice[]): string {
  const known = voices.find((candidate) => candidate.name === voice.name && candidate.kind === voice.kind);
  return t('cast.about', {
    voice: capitalize(known?.description || t(KINDS[voice.kind])),
    length: voice.seconds < 60 ? span(voice.seconds) : clock(voice.seconds),
  });
}

/** Fill the menu: the speaker's own recording, built-in voices, the user's library. */
function fillChoices(select: HTMLSelectElement, voices: readonly KnownVoice[], voice: SpeakerVoice | null): void {
  const group = (title: string, kind: VoiceKind): HTMLElement | false => {
    const options = voices
      .filter((known) => known.kind === kind)
      .map((known) => h('option', { value: known.name, title: known.description }, known.name));
    return options.length > 0 && h('optgroup', { label: title }, ...options);
  };
  const own = voice && !voices.some((known) => known.name === voice.name && known.kind === voice.kind);
  const parts = [
    !voice && h('option', { value: '', disabled: true }, t('cast.choose_voice')),
    own && h('optgroup', { label: t('cast.this_recording') }, h('option', { value: '' }, voice.name)),
    group(t('cast.built_in'), 'built-in'),
    group(t('cast.your_library'), 'library'),
  ];
  select.replaceChildren(...parts.filter((part): part is HTMLOptionElement | HTMLOptGroupElement => Boolean(part)));
  select.value = voice && !own ? voice.name : '';
}

/** Notes on a voice: that a built-in one replaces it, what the checks found, or that it looks good. */
export function findings(voice: SpeakerVoice, model: string): HTMLElement[] {
  const notes = voice.checks.map(({ severity, message, remedy }) => {
    const { tone, label } = SEVERITIES[severity];
    return quietNote(
      tone,
      h('span', { class: 'vvnb-visually-hidden' }, t('cast.finding', { severity: t(label) })),
      h('div', null, `${capitalize(message)}.`),
      remedy ? h('div', { class: 'vvnb-hint' }, `${capitalize(remedy)}.`) : null,
    );
  });
  if (voice.stand_in)
    notes.unshift(
      quietNote(
        'warning',
        h('div', null, t('cast.stand_in', { model, voice: voice.stand_in })),
        h('div', { class: 'vvnb-hint' }, t('cast.stand_in_hint')),
      ),
    );
  else if (!notes.length && voice.needs_consent) notes.push(note('good', [t('cast.looks_good')]));
  return notes;
}

/** A note that screen readers do not announce on their own. */
function quietNote(tone: Tone, ...content: Child[]): HTMLElement {
  const element = note(tone, content);
  element.removeAttribute('role');
  return element;
}

const capitalize = (text: string): string => `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}`;
