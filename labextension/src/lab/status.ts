/** In the status bar: how far a generation is, in whichever studio, and a way to stop it. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';

import { h } from '../core/ui/dom';
import { button, progressBar } from '../core/ui/elements';
import { icon } from '../core/ui/icons';
import type { ToPage } from '../core/host/protocol';
import { onStudiosChange, openStudios, type OpenStudio } from '../core/host/open_studios';
import { isBusy, type JobState, type ModelState } from '../core/host/traits';
import { Commands, NAME } from './names';
import { busyStudio, jobOf } from './active_studio';

export class Progress extends Widget {
  readonly changed = new Signal<this, void>(this);
  private readonly words = h('span', { class: 'vvnb-lab-status-words' });
  private readonly bar = progressBar('VibeVoice');
  private readonly followed = new Map<OpenStudio, () => void>();
  private readonly stopStudios: () => void;
  private heard: ToPage['progress'] | null = null;

  constructor(
    stop: () => void,
    private readonly trans: TranslationBundle,
  ) {
    super();
    this.addClass('vvnb');
    this.addClass('vvnb-lab-status');
    const halt = button({
      label: trans.__('Stop generating'),
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

  /** Listen to the studios there are. */
  private follow(): void {
    const studios = openStudios();
    for (const [studio, stop] of this.followed) {
      if (studios.includes(studio)) continue;
      stop();
      this.followed.delete(studio);
    }
    for (const studio of studios) {
      if (this.followed.has(studio)) continue;
      const stops = [
        studio.host.on('job', () => this.render()),
        studio.host.on('model_state', () => this.render()),
        studio.host.channel.onConnection(() => this.render()),
        studio.host.channel.on('progress', (progress) => {
          this.heard = progress;
          this.render();
        }),
      ];
      this.followed.set(studio, () => stops.forEach((stop) => stop()));
    }
    this.render();
  }

  private render(): void {
    const studio = busyStudio();
    const job = studio && jobOf(studio);
    if (studio && job && isBusy(job)) {
      const now = this.heard?.job === job.id ? this.heard : null;
      const model = studio.host.get('model_state');
      const loaded = job.state === 'loading' && model?.state === 'loading' ? (model.loaded ?? 0) : null;
      this.words.textContent = now ? this.turnOf(job, now) : this.preparing(model, loaded);
      this.bar.set(now ? now.seconds / Math.max(now.estimated, now.seconds, 0.1) : loaded || null);
    }
    this.changed.emit();
  }

  private preparing(model: ModelState, loaded: number | null): string {
    if (loaded === null) return this.trans.__('Getting ready …');
    const percent = Math.round(100 * loaded);
    return percent
      ? this.trans.__('Loading %1 … %2 %', model.name, percent)
      : this.trans.__('Loading %1 …', model.name);
  }

  private turnOf(job: JobState, now: ToPage['progress']): string {
    const place = job.turns.indexOf(now.turn);
    if (place < 0) return this.trans.__('Speaking');
    return this.trans.__('Speaking turn %1 of %2', place + 1, now.turns_total);
  }
}

export const statusPlugin: JupyterFrontEndPlugin<void> = {
  id: `${NAME}:status`,
  description: 'Shows and stops generations in the status bar.',
  autoStart: true,
  optional: [IStatusBar, ITranslator], // Notebook 7 has no status bar
  activate: (app: JupyterFrontEnd, bar: IStatusBar | null, translator: ITranslator | null): void => {
    if (!bar) return;
    const item = new Progress(
      () => void app.commands.execute(Commands.stop),
      (translator ?? nullTranslator).load(NAME),
    );
    bar.registerStatusItem(statusPlugin.id, {
      item,
      align: 'left',
      rank: 50,
      isActive: () => item.active,
      activeStateChanged: item.changed,
    });
  },
};
