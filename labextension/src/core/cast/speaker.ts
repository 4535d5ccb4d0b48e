/**
 * Card of one speaker. Collapsed, it is a row: color, name, voice, Play. Expanded, it shows the voice's waveform and
 * findings, consent, upload and recording. It collapses once a voice is chosen, unless something is to be done.
 */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { Disposers } from '../ui/disposers';
import { badge, button, check, Failures, freshId } from '../ui/elements';
import { clock, SAMPLE_RATE, span } from '../ui/format';
import type { Methods } from '../host/protocol';
import type { KnownVoice, Speaker, SpeakerVoice, VoiceKind } from '../host/traits';
import { listOf, t, type TextKey } from '../strings';
import { acceptVoices } from './drag';
import { capitalize, countFindings, findings } from './findings';
import { Gallery } from './gallery';
import { keepPanel, type KeepPanel } from './keep';
import { RecorderPanel } from './record';
import { speakerSound, type SpeakerSound } from './sound';
import { Trimmer } from './trim';
import { uploadPanel, type UploadPanel } from './upload_panel';
import { sharedWith } from './voice_entries';

const KINDS = {
  'built-in': 'cast.kind_built_in',
  library: 'cast.kind_library',
  upload: 'cast.kind_upload',
  recording: 'cast.kind_recording',
  file: 'cast.kind_file',
} as const satisfies Record<VoiceKind, TextKey>;

export class SpeakerCard {
  readonly element: HTMLElement;
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  private readonly failures = new Failures();
  private readonly color: HTMLInputElement;
  private readonly voice: HTMLButtonElement;
  private readonly voiceName = h('span', { class: 'vvnb-ellipsis' });
  private readonly gallery: Gallery;
  private readonly play: HTMLButtonElement;
  private readonly expand: HTMLButtonElement;
  private readonly remove: HTMLButtonElement;
  private readonly absent = badge(t('cast.not_in_script'), undefined, t('cast.not_in_script_hint'));
  private readonly shared = badge(t('cast.shared'));
  private readonly problems = badge('', 'warning', t('cast.findings_hint'));
  private readonly about = h('p', { class: 'vvnb-hint' });
  private readonly byDefault = h('p', { class: 'vvnb-hint' }, t('cast.default_hint'));
  private readonly trim: Trimmer;
  private readonly checks = h('div', { class: 'vvnb-slot vvnb-findings' });
  private readonly consent = check(t('cast.consent'), (consent) =>
    this.ask('set_consent', { speaker: this.label, consent }),
  );
  private readonly keep: KeepPanel;
  private readonly uploads: UploadPanel;
  private readonly recorder: RecorderPanel;
  private readonly ofVoice: HTMLElement;
  private readonly sound: SpeakerSound;
  private readonly detail: HTMLElement;
  private shown = '';
  /** Source of the voice heard by Play. */
  private source = '';
  /** The card needs to be open: there is no voice, or its consent is missing. */
  private unfinished = false;
  /** The user opened or closed the card since the voice was chosen. */
  private opened: boolean | null = null;
  private lastVoice: string | null = null;

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
    this.voice = h(
      'button',
      { type: 'button', class: 'vvnb-select', title: t('cast.choose_voice_hint') },
      this.voiceName,
    );
    this.play = button({
      label: t('cast.play_voice', { speaker: label }),
      icon: 'play',
      bare: true,
      title: t('cast.play_voice_hint'),
      onclick: () => bus.emit('audition', { source: this.source, autoplay: true }),
    });
    this.expand = button({
      label: t('cast.details', { speaker: label }),
      icon: 'chevron',
      bare: true,
      kind: 'quiet',
      onclick: () => this.open(this.detail.hidden),
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
    this.sound = speakerSound(host, label, this.failures);
    this.uploads = uploadPanel(host, label, this.failures);
    this.recorder = this.disposers.child(new RecorderPanel(host, label, this.failures));
    this.ofVoice = h(
      'div',
      { class: 'vvnb-stack' },
      this.trim.element,
      this.about,
      this.checks,
      this.consent.element,
      this.keep.element,
    );
    this.detail = h(
      'div',
      { class: 'vvnb-stack', id: freshId('details'), onfocusout: () => requestAnimationFrame(() => this.fold()) },
      this.byDefault,
      this.ofVoice,
      this.sound.element,
      h(
        'div',
        { class: 'vvnb-row' },
        this.uploads.button,
        this.recorder.button,
        h('span', { class: 'vvnb-grow' }),
        this.remove,
      ),
    );
    this.expand.setAttribute('aria-controls', this.detail.id);
    this.element = h(
      'li',
      { class: 'vvnb-card vvnb-speaker vvnb-drop', 'data-drop-text': t('cast.drop_here') },
      this.head(),
      this.detail,
      this.uploads.element,
      this.recorder.element,
      this.failures.element,
    );
    this.gallery = this.disposers.child(
      new Gallery(this.voice, host, label, {
        choose: (voice) => this.ask('set_voice', { speaker: label, voice }),
        more: () =>
          [this.uploads.button, this.recorder.button]
            .filter((field) => !field.hidden)
            .map((field) => this.elsewhere(field)),
      }),
    );
    this.disposers.add(
      this.uploads.acceptDrops(this.element),
      acceptVoices(this.element, (voice) => this.voice.disabled || this.ask('set_voice', { speaker: label, voice })),
    );
  }

  update(speaker: Speaker): void {
    const voices = this.host.get('voices') ?? [];
    const readOnly = this.host.get('project_state')?.read_only ?? false;
    const turns = this.host.get('turns');
    this.absent.hidden = !turns || turns.some((turn) => turn.speaker === this.label);
    const others = sharedWith(speaker, this.host.get('speakers') ?? []);
    const limits = this.host.get('model_limits');
    const key = JSON.stringify([speaker, voices, others, readOnly, this.host.get('model'), limits]);
    if (key === this.shown) return;
    this.shown = key;
    const { voice } = speaker;
    this.element.style.setProperty('--speaker', speaker.color);
    this.color.value = speaker.color;
    const byDefault = voice ? '' : speaker.default_voice;
    this.source = byDefault ? `library:${byDefault}` : `voice:${this.label}`;
    this.showName(voice?.name ?? '', byDefault);
    for (const field of [this.color, this.voice, this.remove, this.uploads.button, this.recorder.button])
      field.disabled = readOnly;
    this.recorder.button.hidden = Boolean(limits?.voice_prompts);
    this.consent.input.disabled = readOnly;
    this.sound.show(speaker, readOnly);
    this.play.disabled = (!voice && !byDefault) || Boolean(voice?.prompt);
    this.remove.hidden = !voice;
    this.ofVoice.hidden = !voice;
    this.byDefault.hidden = !byDefault;
    this.shared.hidden = !others.length;
    this.shared.title = others.length ? t('cast.shared_hint', { speakers: listOf(others) }) : '';
    if (voice) this.showVoice(voice, voices, readOnly);
    this.showFold(speaker);
  }

  private ask<M extends keyof Methods>(method: M, params: Methods[M]): void {
    void this.failures.during(() => this.host.channel.call(method, params));
  }

  private head(): HTMLElement {
    return h(
      'div',
      { class: 'vvnb-speaker-head' },
      this.color,
      h('h3', { class: 'vvnb-ellipsis', title: this.label }, this.label),
      this.voice,
      this.play,
      this.expand,
      h('div', { class: 'vvnb-speaker-marks' }, this.absent, this.shared, this.problems),
    );
  }

  private showName(name: string, byDefault: string): void {
    const text = name || (byDefault ? t('cast.default_voice', { voice: byDefault }) : t('cast.choose_voice'));
    this.voiceName.textContent = text;
    this.voice.setAttribute('aria-label', t('cast.voice_is', { speaker: this.label, voice: text }));
  }

  private showVoice(voice: SpeakerVoice, voices: readonly KnownVoice[], readOnly: boolean): void {
    this.about.textContent = describe(voice, voices);
    this.trim.element.hidden = Boolean(voice.prompt);
    if (!voice.prompt) this.trim.show(Math.round(voice.seconds * SAMPLE_RATE), voice, readOnly);
    this.checks.replaceChildren(
      ...findings(voice, this.host.get('model') || t('cast.the_model'), this.host.get('model_limits')),
    );
    this.consent.element.hidden = !voice.needs_consent;
    this.consent.input.checked = voice.consent;
    this.consent.element.toggleAttribute('data-open', !voice.consent);
    this.keep.show(voice, readOnly);
  }

  /** A button of the gallery that opens the card and does the same as one of the card's. */
  private elsewhere(target: HTMLButtonElement): HTMLButtonElement {
    const { title } = target;
    const copy = button({
      label: target.textContent ?? '',
      size: 'small',
      title,
      disabled: target.disabled,
      onclick: () => {
        this.gallery.close();
        this.open(true);
        target.click();
      },
    });
    return copy;
  }

  // Collapsing

  private showFold({ voice, default_voice }: Speaker): void {
    const name = voice ? `${voice.kind} ${voice.name}` : '';
    if (this.lastVoice !== null && name !== this.lastVoice) this.opened = null;
    this.lastVoice = name;
    this.unfinished = voice ? voice.needs_consent && !voice.consent : !default_voice;
    const count = countFindings(voice);
    const instead = voice?.stand_in ? t('cast.instead', { voice: voice.stand_in }) : '';
    this.problems.textContent = instead || (count ? t('cast.findings', { count }) : '');
    this.fold();
  }

  private open(on: boolean): void {
    this.opened = on;
    this.fold(true);
  }

  /** Show or hide the details; they stay while the focus is in them, unless the user closes them. */
  private fold(asked = false): void {
    const wanted = this.opened ?? this.unfinished;
    if (!wanted && !asked && !this.detail.hidden && this.detail.contains(document.activeElement)) return;
    this.detail.hidden = !wanted;
    this.expand.setAttribute('aria-expanded', String(wanted));
    this.problems.hidden = wanted || !this.problems.textContent;
  }
}

function describe(voice: SpeakerVoice, voices: readonly KnownVoice[]): string {
  const known = voices.find((candidate) => candidate.name === voice.name && candidate.kind === voice.kind);
  return t('cast.about', {
    voice: capitalize(known?.description || t(KINDS[voice.kind])),
    length: voice.seconds < 60 ? span(voice.seconds) : clock(voice.seconds),
  });
}
