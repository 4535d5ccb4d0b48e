/** Renderer of saved takes: the full player, also without a kernel. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { ITranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { SAMPLE_RATE } from '../../core/audio/resample';
import { h } from '../../core/ui/dom';
import { CallError } from '../../core/host/channel';
import { Bus } from '../../core/host/host';
import { failureNote, failureOf } from '../../core/ui/elements';
import { clock } from '../../core/ui/format';
import { mountPlayer } from '../../core/player/player';
import { t } from '../../core/strings';
import { useLanguage } from '../language';
import { NAME, TAKE_MIME } from '../names';
import { hostOf, savedTake } from './saved';

/** Just above HTML, which the same outputs contain for other front ends. */
const RANK = 45;

class TakeRenderer extends Widget implements IRenderMime.IRenderer {
  private unmount: (() => void) | null = null;

  constructor() {
    super();
    this.addClass('vvnb');
    this.addClass('vvnb-player');
    this.addClass('vvnb-lab-take');
    this.node.dataset['lmSuppressShortcuts'] = 'true';
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.clear();
    try {
      const saved = savedTake(model.data);
      if (!saved) throw new CallError(t('lab.take_unknown'), '', t('lab.take_unknown_remedy'));
      const { take, sound } = saved;
      const decoder = new OfflineAudioContext(1, 1, SAMPLE_RATE);
      const audio = (await decoder.decodeAudioData(sound.buffer)).getChannelData(0);
      if (this.isDisposed) return;
      const host = hostOf(take, audio);
      const missing = take.samples - audio.length > SAMPLE_RATE;
      const title = h(
        'div',
        { class: 'vvnb-row' },
        h('strong', { class: 'vvnb-ellipsis' }, take.name || t('lab.take')),
      );
      if (missing)
        title.append(
          h(
            'span',
            { class: 'vvnb-hint' },
            t('lab.take_preview', {
              part: clock(audio.length / SAMPLE_RATE),
              total: clock(take.samples / SAMPLE_RATE),
            }),
          ),
        );
      this.node.append(title);
      const unmount = mountPlayer(this.node, host, new Bus());
      this.unmount = () => {
        unmount();
        host.channel.close();
      };
    } catch (error) {
      this.node.append(failureNote(failureOf(error)));
    }
  }

  override dispose(): void {
    this.clear();
    super.dispose();
  }

  private clear(): void {
    this.unmount?.();
    this.unmount = null;
    this.node.replaceChildren();
  }
}

export const takePlugin: JupyterFrontEndPlugin<void> = {
  id: `${NAME}:take`,
  description: 'Shows saved takes with the full player.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [ITranslator],
  activate: (_app: JupyterFrontEnd, registry: IRenderMimeRegistry, translator: ITranslator | null): void => {
    useLanguage(translator);
    registry.addFactory({ safe: true, mimeTypes: [TAKE_MIME], createRenderer: () => new TakeRenderer() }, RANK);
  },
};
