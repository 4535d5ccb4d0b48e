/** The voices one has: hear, add, rename, remove, give to a speaker. */

import { Dialog, InputDialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { upload } from '../../core/audio/upload';
import { VOICE_DRAG } from '../../core/cast/drag';
import { h } from '../../core/ui/dom';
import type { Bus } from '../../core/host/host';
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
    private readonly trans: TranslationBundle,
  ) {
    this.list.setAttribute('aria-label', trans.__('Voices'));
    const chooser = h('input', {
      type: 'file',
      accept: 'audio/*',
      hidden: true,
      'aria-label': trans.__('Recording for the library'),
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
      label: trans.__('Add from file'),
      icon: 'plus',
      size: 'small',
      title: trans.__('A recording of 5 to 30 seconds'),
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
    const { trans, bus } = this;
    const { name, kind } = voice;
    const small = { bare: true, size: 'small', kind: 'quiet' } as const;
    const row = h(
      'li',
      { class: 'vvnb-lab-item', draggable: 'true', title: voice.description || trans.__('From your library') },
      button({
        ...small,
        label: trans.__('Hear %1', name),
        icon: 'play',
        onclick: () => bus.emit('audition', { source: `library:${name}`, autoplay: true }),
      }),
      h('span', { class: 'vvnb-grow vvnb-ellipsis' }, name),
      h('span', { class: 'vvnb-hint' }, span(voice.seconds)),
      button({
        ...small,
        label: trans.__('Give %1 to a speaker', name),
        icon: 'person',
        onclick: () => void this.give(name),
      }),
      kind === 'library' &&
        button({
          ...small,
          label: trans.__('Rename %1', name),
          icon: 'sliders',
          onclick: () => void this.rename(name),
        }),
      kind === 'library' &&
        button({ ...small, label: trans.__('Remove %1', name), icon: 'trash', onclick: () => void this.remove(name) }),
    );
    row.addEventListener('dragstart', (event) => {
      event.dataTransfer?.setData(VOICE_DRAG, name);
      if (event.dataTransfer) event.dataTransfer.effectAllowed = 'copy';
    });
    return row;
  }

  /** What dragging does, for who can't drag. */
  private async give(voice: string): Promise<void> {
    const { trans } = this;
    const studio = activeStudio();
    const items = (studio?.host.get('speakers') ?? []).map(({ label }) => label);
    if (!studio || !items.length) {
      this.failures.show({
        got: trans.__('no script with speakers is open'),
        remedy: trans.__('open one, then choose again'),
      });
      return;
    }
    const { value } = await InputDialog.getItem({ title: trans.__('Who speaks with the voice of %1?', voice), items });
    if (value) await this.failures.during(() => studio.host.channel.call('set_voice', { speaker: value, voice }));
  }

  private async rename(voice: string): Promise<void> {
    const { value: name } = await InputDialog.getText({ title: this.trans.__('Rename %1', voice), text: voice });
    if (name && name !== voice)
      await this.failures.during(() => this.host.channel.call('rename_voice', { voice, name }));
  }

  private async remove(voice: string): Promise<void> {
    const { trans } = this;
    const answer = await showDialog({
      title: trans.__('Remove %1 from the library?', voice),
      body: trans.__('Projects that use it keep their own copy.'),
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__('Remove') })],
    });
    if (answer.button.accept) await this.failures.during(() => this.host.channel.call('remove_voice', { voice }));
  }
}
