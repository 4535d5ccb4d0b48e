/** Voices as cards: play, add, rename, remove, assign to a speaker. Only changes of the library start a kernel. */

import { Dialog, InputDialog, showDialog } from '@jupyterlab/apputils';

import { upload } from '../../core/audio/upload';
import { VOICE_DRAG } from '../../core/cast/drag';
import { h } from '../../core/ui/dom';
import type { Bus } from '../../core/host/host';
import { t } from '../../core/strings';
import { button, type Failures } from '../../core/ui/elements';
import { span } from '../../core/ui/format';
import type { ListedVoice } from '../../core/host/traits';
import { Keyed } from '../../core/ui/watch';
import { activeStudio } from '../active_studio';
import type { CommHost } from '../comm_host';
import type { Library } from './library';
import { outline } from './outline';
import type { HomeServer } from './server';

export class VoiceList {
  readonly element: HTMLElement;
  private readonly list = h('ul', { class: 'vvnb-lab-list vvnb-lab-cards' });
  private readonly state = h('p', { class: 'vvnb-hint', role: 'status' }, t('lab.loading_list'));
  private readonly stop: () => void;

  /**
   * @param library - Started by the first change.
   * @param refresh - Lists anew after a change.
   */
  constructor(
    server: HomeServer,
    private readonly library: Library,
    private readonly bus: Bus,
    private readonly failures: Failures,
    private readonly refresh: () => Promise<unknown>,
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
          void this.change(({ channel }) => upload(channel, file, { name: file.name, kind: 'upload', speaker: '' }));
      },
    });
    const add = button({
      label: t('lab.add_voice'),
      icon: 'plus',
      size: 'small',
      title: t('lab.add_voice_hint'),
      onclick: () => chooser.click(),
    });
    this.element = h(
      'div',
      { class: 'vvnb-stack' },
      this.list,
      this.state,
      h('div', { class: 'vvnb-row' }, add, chooser),
    );
    const cards = new Keyed<ListedVoice, { element: HTMLElement; update(): void }>(
      this.list,
      (voice) => JSON.stringify(voice),
      (voice) => ({ element: this.card(voice), update: () => undefined }),
    );
    this.stop = server.watch((home) => {
      this.state.hidden = home !== null;
      cards.update(home?.voices ?? []);
    });
  }

  dispose(): void {
    this.stop();
  }

  /** Change the library in its kernel, which is started first. */
  private async change(work: (host: CommHost) => Promise<unknown>): Promise<void> {
    this.state.textContent = t('lab.sidebar_starting');
    this.state.hidden = this.library.host.channel.connected;
    await this.failures.during(async () => {
      await work(await this.library.ready());
      await this.refresh();
    });
    this.state.hidden = true;
  }

  private card(voice: ListedVoice): HTMLElement {
    const { name, kind, description } = voice;
    const small = { bare: true, size: 'small', kind: 'quiet' } as const;
    const row = h(
      'li',
      { class: 'vvnb-lab-card', draggable: 'true', title: t('lab.drag_voice') },
      h(
        'div',
        { class: 'vvnb-row', 'data-nowrap': true },
        button({
          ...small,
          label: t('lab.play_item', { name }),
          icon: 'play',
          onclick: () => this.bus.emit('audition', { source: `library:${name}`, autoplay: true }),
        }),
        h('strong', { class: 'vvnb-ellipsis' }, name),
        h('span', { class: 'vvnb-lab-outline-box vvnb-grow' }, voice.bars.length > 0 && outline(voice.bars)),
        h('span', { class: 'vvnb-hint' }, span(voice.seconds)),
      ),
      h(
        'div',
        { class: 'vvnb-row', 'data-nowrap': true },
        h('span', { class: 'vvnb-hint vvnb-grow vvnb-ellipsis' }, description || t('lab.library_voice')),
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
      ),
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
    if (name && name !== voice) await this.change(({ channel }) => channel.call('rename_voice', { voice, name }));
  }

  private async remove(voice: string): Promise<void> {
    const answer = await showDialog({
      title: t('lab.remove_voice_title', { voice }),
      body: t('lab.remove_voice_hint'),
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: t('lab.remove') })],
    });
    if (answer.button.accept) await this.change(({ channel }) => channel.call('remove_voice', { voice }));
  }
}
