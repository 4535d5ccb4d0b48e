/** Shows saved takes with the full player, whether there is a kernel or not. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { SAMPLE_RATE } from '../../core/audio/resample';
import { h } from '../../core/ui/dom';
import { Bus } from '../../core/host/host';
import { failureNote, failureOf } from '../../core/ui/elements';
import { clock } from '../../core/ui/format';
import { mountPlayer } from '../../core/player/player';
import { NAME, TAKE_MIME } from '../names';
import { hostOf, savedTake } from './saved';

/** Just above HTML, which the same outputs have for everybody else. */
const RANK = 45;

class TakeRenderer extends Widget implements IRenderMime.IRenderer {
  private unmount: (() => void) | null = null;

  constructor(private readonly trans: TranslationBundle) {
    super();
    this.addClass('vvnb');
    this.addClass('vvnb-player');
    this.addClass('vvnb-lab-take');
    this.node.dataset['lmSuppressShortcuts'] = 'true';
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.clear();
    const { trans } = this;
    try {
      const saved = savedTake(model.data);
      if (!saved)
        throw {
          got: trans.__('this take was saved in a way that is not known here'),
          remedy: trans.__('update vibevoice-nb'),
        };
      const { take, sound } = saved;
      const decoder = new OfflineAudioContext(1, 1, SAMPLE_RATE);
      const audio = (await decoder.decodeAudioData(sound.buffer)).getChannelData(0);
      if (this.isDisposed) return;
      const host = hostOf(take, audio);
      const missing = take.samples - audio.length > SAMPLE_RATE;
      const title = h(
        'div',
        { class: 'vvnb-row' },
        h('strong', { class: 'vvnb-ellipsis' }, take.name || trans.__('Take')),
      );
      if (missing) title.append(h('span', { class: 'vvnb-hint' }, this.preview(audio.length, take.samples)));
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

  private preview(heard: number, whole: number): string {
    const [some, all] = [heard, whole].map((samples) => clock(samples / SAMPLE_RATE));
    return this.trans.__('Preview: the first %1 of %2 are kept in this notebook.', some, all);
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
    const trans = (translator ?? nullTranslator).load(NAME);
    registry.addFactory({ safe: true, mimeTypes: [TAKE_MIME], createRenderer: () => new TakeRenderer(trans) }, RANK);
  },
};
