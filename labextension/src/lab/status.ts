/** Status bar item: progress of the running generation, with a Stop button. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';

import { h } from '../core/ui/dom';
import { t } from '../core/strings';
import { Disposers } from '../core/ui/disposers';
import { button, progressBar } from '../core/ui/elements';
import { icon } from '../core/ui/icons';
import { fractionDone, progressOf, turnPlace, waitingText, type Progress } from '../core/ui/progress';
import { onStudiosChange, openStudios, type OpenStudio } from '../core/host/open_studios';
import { isBusy } from '../core/host/traits';
import { useLanguage } from './language';
import { Commands, NAME } from './names';
import { busyStudio, jobOf } from './active_studio';

export class StatusItem extends Widget {
  readonly changed = new Signal<this, void>(this);
  private readonly words = h('span', { class: 'vvnb-lab-status-words' });
  private readonly bar = progressBar('VibeVoice');
  private readonly followed = new Map<OpenStudio, () => void>();
  private readonly stopStudios: () => void;
  private last: Progress | null = null;

  constructor(stop: () => void) {
    super();
    this.addClass('vvnb');
    this.addClass('vvnb-lab-status');
    const halt = button({
      label: t('lab.stop'),
      icon: 'stop',
      bare: true,
      size: 'small',
      kind: 'quiet',
      onclick: stop,
    });
    this.node.append(icon('wave'), this.words, this.bar.element, halt);
    this.stopStudios = onStudiosChange(() => this.follow());
    this.follow();
  }

  get active(): boolean {
    return busyStudio() !== undefined;
  }

  override dispose(): void {
    this.stopStudios();
    for (const stop of this.followed.values()) stop();
    super.dispose();
  }

  /** Follow the open studios. */
  private follow(): void {
    const studios = openStudios();
    for (const [studio, stop] of this.followed) {
      if (studios.includes(studio)) continue;
      stop();
      this.followed.delete(studio);
    }
    for (const studio of studios) {
      if (this.followed.has(studio)) continue;
      const disposers = new Disposers();
      disposers.add(
        studio.host.on('job', () => this.render()),
        studio.host.on('model_state', () => this.render()),
        studio.host.channel.onConnection(() => this.render()),
        studio.host.channel.on('progress', (progress) => {
          this.last = progress;
          this.render();
        }),
      );
      this.followed.set(studio, disposers.dispose);
    }
    this.render();
  }

  private render(): void {
    const studio = busyStudio();
    const job = studio && jobOf(studio);
    if (studio && job && isBusy(job)) {
      const now = progressOf(job, this.last);
      const model = studio.host.get('model_state');
      this.words.textContent = now ? turnPlace(job, now) : waitingText(job, model);
      this.bar.set(fractionDone(job, now, model));
    }
    this.changed.emit();
  }
}

export const statusPlugin: JupyterFrontEndPlugin<void> = {
  id: `${NAME}:status`,
  description: 'Shows and stops generations in the status bar.',
  autoStart: true,
  optional: [IStatusBar, ITranslator], // Notebook 7 has no status bar
  activate: (app: JupyterFrontEnd, bar: IStatusBar | null, translator: ITranslator | null): void => {
    if (!bar) return;
    useLanguage(translator);
    const item = new StatusItem(() => void app.commands.execute(Commands.stop));
    bar.registerStatusItem(statusPlugin.id, {
      item,
      align: 'left',
      rank: 50,
      isActive: () => item.active,
      activeStateChanged: item.changed,
    });
  },
};
