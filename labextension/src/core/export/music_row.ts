/** Row of one role of music: choose or drop a file, play, gain, ducking of the bed, details, remove. */

import { send } from '../audio/upload';
import { h } from '../ui/dom';
import { Disposers } from '../ui/disposers';
import { acceptFiles } from '../ui/drops';
import { button, check, Failures, failureNote, freshId } from '../ui/elements';
import { clock } from '../ui/format';
import { Latest } from '../ui/latest';
import { AUDIO_FILES, sending } from '../ui/sending';
import { sliderField, type SliderField } from '../ui/slider_field';
import type { Bus, Host } from '../host/host';
import type { Methods } from '../host/protocol';
import { RANGES } from '../host/ranges';
import type { MusicRole, MusicSettings, MusicState } from '../host/traits';
import { t } from '../strings';

const NAMES = { intro: 'export.intro', outro: 'export.outro', bed: 'export.bed' } as const;

/** A number with its label. */
type Field = readonly [name: keyof typeof FIELDS, label: Label];
type Label =
  'common.gain' | `export.${'ducking' | 'before_speech' | 'after_speech' | 'under_speech' | 'fade_in' | 'fade_out'}`;
const FIELDS = {
  gain: { range: RANGES.music.gain, slider: { min: -40, max: 6 }, step: 0.5, unit: 'common.db' },
  ducking: { range: RANGES.music.ducking, slider: { min: 0, max: 30 }, step: 0.5, unit: 'common.db' },
  alone: { range: RANGES.music.alone, slider: { min: 0, max: 30 }, step: 0.1, unit: 'takes.s' },
  overlap: { range: RANGES.music.overlap, slider: { min: 0, max: 15 }, step: 0.1, unit: 'takes.s' },
  fade_in: { range: RANGES.music.fade_in, slider: { min: 0, max: 10 }, step: 0.1, unit: 'takes.s' },
  fade_out: { range: RANGES.music.fade_out, slider: { min: 0, max: 10 }, step: 0.1, unit: 'takes.s' },
} as const;

const GAIN: Field = ['gain', 'common.gain'];
const FADES: readonly Field[] = [
  ['fade_in', 'export.fade_in'],
  ['fade_out', 'export.fade_out'],
];
/** Numbers that are always shown. */
const SHOWN: Record<MusicRole, readonly Field[]> = {
  intro: [GAIN],
  outro: [GAIN],
  bed: [GAIN, ['ducking', 'export.ducking']],
};
const DETAILS: Record<MusicRole, readonly Field[]> = {
  intro: [['alone', 'export.before_speech'], ['overlap', 'export.under_speech'], ...FADES],
  outro: [['overlap', 'export.under_speech'], ['alone', 'export.after_speech'], ...FADES],
  bed: FADES,
};

export class MusicRow {
  readonly element: HTMLElement;
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  private readonly failures = new Failures();
  private readonly title: string;
  private values: Partial<MusicSettings> = {};
  private readonly fields = new Map<keyof typeof FIELDS, SliderField>();
  private readonly name = h('span', { class: 'vvnb-ellipsis vvnb-grow' });
  private readonly length = h('span', { class: 'vvnb-hint' });
  private readonly play: HTMLButtonElement;
  private readonly choose: HTMLButtonElement;
  private readonly remove: HTMLButtonElement;
  private readonly loop = check(t('export.loop'), (loop) => this.adjust({ loop }));
  private readonly license = h('input', {
    class: 'vvnb-input',
    id: freshId('license'),
    maxlength: 1000,
    placeholder: t('export.license_example'),
    onchange: () => this.adjust({ license: this.license.value.trim() }),
  });
  private readonly progress = h('div', { class: 'vvnb-slot' });
  private readonly problem = h('div', { class: 'vvnb-slot' });
  private readonly settings: HTMLElement;
  private readonly adjusting: Latest<Methods['adjust_music']>;
  private sendingFile = false;
  private readOnly = false;
  private shownProblem = '';

  constructor(
    private readonly host: Host,
    bus: Bus,
    readonly role: MusicRole,
  ) {
    this.title = t(NAMES[role]);
    const of = { role: this.title };
    this.adjusting = new Latest((params) => this.failures.during(() => host.channel.call('adjust_music', params)));
    const small = { bare: true, size: 'small', kind: 'quiet' } as const;
    this.play = button({
      ...small,
      label: t('export.play_music', of),
      icon: 'play',
      onclick: () => bus.emit('audition', { source: `music:${role}`, autoplay: true }),
    });
    this.remove = button({
      ...small,
      label: t('export.remove_music', of),
      icon: 'close',
      onclick: () => {
        this.choose.focus();
        void this.failures.during(() => host.channel.call('clear_music', { role }));
      },
    });
    const chooser = h('input', {
      type: 'file',
      accept: AUDIO_FILES,
      hidden: true,
      tabindex: -1,
      'aria-label': t('export.music_file', of),
      onchange: () => {
        void this.use(chooser.files?.[0]);
        chooser.value = '';
      },
    });
    this.choose = button({
      label: t('export.choose_music'),
      icon: 'upload',
      size: 'small',
      title: t('export.choose_music_hint'),
      onclick: () => chooser.click(),
    });
    this.choose.setAttribute('aria-label', t('export.music_file', of));
    this.settings = this.settingsOf();
    const id = freshId('role');
    this.element = h(
      'div',
      {
        class: 'vvnb-music-row vvnb-drop',
        'data-drop-text': t('export.drop_music'),
        role: 'group',
        'aria-labelledby': id,
      },
      h(
        'div',
        { class: 'vvnb-row', 'data-tight': true, 'data-nowrap': true },
        h('h4', { id }, this.title),
        this.name,
        this.length,
        this.play,
        this.choose,
        this.remove,
        chooser,
      ),
      this.settings,
      this.progress,
      this.problem,
      this.failures.element,
    );
    this.disposers.add(
      acceptFiles(
        this.element,
        () => !this.choose.disabled,
        (file) => void this.use(file),
      ),
    );
  }

  update(music: MusicState | null, readOnly: boolean): void {
    this.readOnly = readOnly;
    this.name.textContent = music ? music.name : t('export.no_music');
    this.name.title = music?.name ?? '';
    this.name.classList.toggle('vvnb-hint', !music);
    this.length.textContent = music ? clock(music.seconds) : '';
    this.play.hidden = this.remove.hidden = this.settings.hidden = !music;
    this.play.disabled = Boolean(music?.problem);
    this.remove.disabled = this.loop.input.disabled = this.license.disabled = readOnly;
    this.choose.disabled = readOnly || this.sendingFile;
    for (const field of this.fields.values()) field.disable(readOnly);
    const problem = music?.problem ?? '';
    if (problem !== this.shownProblem) {
      const remedy = t('export.choose_again');
      this.problem.replaceChildren(...(problem ? [failureNote({ got: problem, remedy })] : []));
    }
    this.shownProblem = problem;
    if (!music) this.values = {};
    else if (!this.adjusting.busy) this.values = { ...music };
    if (music) this.showValues();
  }

  private settingsOf(): HTMLElement {
    const field = ([name, label]: Field): HTMLElement => {
      const { range, slider, step, unit } = FIELDS[name];
      const made = sliderField({
        label: t(label),
        name: t('export.setting_of', { setting: t(label), role: this.title }),
        range,
        slider,
        step,
        unit: t(unit),
        compact: true,
        onchange: (value) => this.adjust({ [name]: value }),
      });
      this.fields.set(name, made);
      return made.element;
    };
    const licensed = h(
      'div',
      { class: 'vvnb-field' },
      h('label', { class: 'vvnb-label', for: this.license.id }, t('export.license')),
      this.license,
    );
    return h(
      'div',
      { class: 'vvnb-stack', 'data-tight': true },
      ...SHOWN[this.role].map(field),
      h(
        'details',
        { class: 'vvnb-music-details' },
        h('summary', null, t('export.music_details')),
        h(
          'div',
          { class: 'vvnb-stack', 'data-tight': true },
          ...DETAILS[this.role].map(field),
          this.role === 'bed' && this.loop.element,
          licensed,
        ),
      ),
    );
  }

  private async use(file: File | undefined): Promise<void> {
    if (!file || this.sendingFile) return;
    const { host, role } = this;
    const how = { name: file.name, tooLarge: t('export.music_too_large'), place: this.progress };
    this.choose.disabled = this.sendingFile = true;
    await this.failures.during(() =>
      sending(file, how, (signal, onprogress) =>
        send(host.channel, file, { name: file.name, kind: 'music', signal, onprogress }, (upload) =>
          host.channel.call('use_music', { upload, role }),
        ),
      ),
    );
    this.sendingFile = false;
    this.choose.disabled = this.readOnly;
  }

  private adjust(change: Partial<MusicSettings>): void {
    Object.assign(this.values, change);
    this.showValues();
    const names = [...this.fields.keys(), 'license' as const, ...(this.role === 'bed' ? (['loop'] as const) : [])];
    const settings = Object.fromEntries(names.map((name) => [name, this.values[name]]));
    this.adjusting.set({ role: this.role, settings });
  }

  private showValues(): void {
    for (const [name, field] of this.fields) field.show(this.values[name] ?? 0);
    this.loop.input.checked = this.values.loop ?? true;
    if (document.activeElement !== this.license) this.license.value = this.values.license ?? '';
  }
}
