/** Voice library: play, add, rename, remove, assign to a speaker. */

import { Dialog, InputDialog, showDialog } from '@jupyterlab/apputils';

import { upload } from '../../core/audio/upload';
import { VOICE_DRAG } from '../../core/cast/drag';
import { h } from '../../core/ui/dom';
import type { Bus } from '../../core/host/host';
import { t } from '../../core/strings';
import { button, type Failures } from '../../core/ui/elements';
import { span } from '../../core/ui/format';
import type { KnownVoice } from '../../core/host/traits';
import type { CommHost } from '../comm_host';
import { activeStudio } from '../active_studio';

export class VoiceList {
  readonly list = h('ul', { class: 'vvnb-lab-list' });
  readonly element: HTMLElement;
  private readonly stop: () => void;

  constructor(
    private readonly host: CommHost,
    private readonly bus: Bus,
    private readonly failures: Failures,
  ) {
    this.list.setAttribute('aria-label', t('lab.voices'));
    const chooser = h('input', {
      type: 'file',
      accept: 'audio/*',
      hidden: true,
      'aria-label': t('lab.recording'),
      onchange: () => {
        const file = chooser.files?.[0];
        chooser.value = '';
        if (file)
          void this.failures.during(() =>
            upload(this.host.channel, file, { name: file.name, kind: 'upload', speaker: '' }),
          );
      },
    });
    const add = button({
      label: t('lab.add_voice'),
      icon: 'plus',
      size: 'small',
      title: t('lab.add_voice_hint'),
      onclick: () => chooser.click(),
    });
    this.element = h('div', { class: 'vvnb-stack' }, this.list, h('div', { class: 'vvnb-row' }, add, chooser));
    this.stop = host.on('voices', () => this.render());
    this.render();
  }

  dispose(): void {
    this.stop();
  }

  private render(): void {
    const voices = this.host.get('voices') ?? [];
    this.list.replaceChildren(...voices.map((voice) => this.row(voice)));
  }

  private row(voice: KnownVoice): HTMLElement {
    const { bus } = this;
    const { name, kind } = voice;
    const small = { bare: true, size: 'small', kind: 'quiet' } as const;
    const row = h(
      'li',
      { class: 'vvnb-lab-item', draggable: 'true', title: voice.description || t('lab.library_voice') },
      button({
        ...small,
        label: t('lab.play_item', { name }),
        icon: 'play',
        onclick: () => bus.emit('audition', { source: `library:${name}`, autoplay: true }),
      }),
      h('span', { class: 'vvnb-grow vvnb-ellipsis' }, name),
      h('span', { class: 'vvnb-hint' }, span(voice.seconds)),
      button({
        ...small,
        label: t('lab.assign_voice', { voice: name }),
        icon: 'person',
        onclick: () => void this.assign(name),
      }),
      kind === 'library' &&
        button({
          ...small,
          label: t('lab.rename_voice', { voice: name }),
          icon: 'sliders',
          onclick: () => void this.rename(name),
        }),
      kind === 'library' &&
        button({
          ...small,
          label: t('lab.remove_voice', { voice: name }),
          icon: 'trash',
          onclick: () => void this.remove(name),
        }),
    );
    row.addEventListener('dragstart', (event) => {
      event.dataTransfer?.setData(VOICE_DRAG, name);
      if (event.dataTransfer) event.dataTransfer.effectAllowed = 'copy';
    });
    return row;
  }

  /** Assign a voice to a speaker, as dragging does. */
  private async assign(voice: string): Promise<void> {
    const studio = activeStudio();
    const items = (studio?.host.get('speakers') ?? []).map(({ label }) => label);
    if (!studio || !items.length) {
      this.failures.show({
        got: t('lab.no_speakers'),
        remedy: t('lab.no_speakers_remedy'),
      });
      return;
    }
    const { value } = await InputDialog.getItem({ title: t('lab.assign_voice_title', { voice }), items });
    if (value) await this.failures.during(() => studio.host.channel.call('set_voice', { speaker: value, voice }));
  }

  private async rename(voice: string): Promise<void> {
    const { value: name } = await InputDialog.getText({ title: t('lab.rename_voice', { voice }), text: voice });
    if (name && name !== voice)
      await this.failures.during(() => this.host.channel.call('rename_voice', { voice, name }));
  }

  private async remove(voice: string): Promise<void> {
    const answer = await showDialog({
      title: t('lab.remove_voice_title', { voice }),
      body: t('lab.remove_voice_hint'),
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: t('lab.remove') })],
    });
    if (answer.button.accept) await this.failures.during(() => this.host.channel.call('remove_voice', { voice }));
  }
}
