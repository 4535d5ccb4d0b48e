/** The left sidebar: voices, projects of this folder, loaded models. */

import { PageConfig } from '@jupyterlab/coreutils';
import type { FileBrowserModel } from '@jupyterlab/filebrowser';
import type { ServiceManager } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';

import { h } from '../../core/ui/dom';
import { Bus } from '../../core/host/host';
import { button, Failures, note } from '../../core/ui/elements';
import { mountAudition } from '../../core/ui/audition';
import { waveIcon } from '../icons';
import { ModelList } from './models';
import { ProjectList } from './projects';
import type { Library } from './library';
import { VoiceList } from './voices';

export interface SidebarOptions {
  library: Library;
  services: ServiceManager.IManager;
  commands: CommandRegistry;
  browser: FileBrowserModel;
  trans: TranslationBundle;
}

export class Sidebar extends Widget {
  private readonly bus = new Bus();
  private readonly failures = new Failures();
  private readonly voices: VoiceList;
  private readonly waiting: HTMLElement;
  private readonly models: ModelList;
  private readonly stops: (() => void)[];

  constructor(private readonly options: SidebarOptions) {
    super();
    const { library, services, commands, browser, trans } = options;
    this.id = 'vibevoice-sidebar';
    this.title.icon = waveIcon;
    this.title.caption = trans.__('VibeVoice: voices, projects, models');
    this.node.setAttribute('aria-label', trans.__('VibeVoice'));
    this.addClass('vvnb');
    this.addClass('vvnb-lab-sidebar');
    this.voices = new VoiceList(library.host, this.bus, this.failures, trans);
    const projects = new ProjectList(library.host, this.bus, commands, () => browser.path, trans);
    this.models = new ModelList(services, this.failures, trans);
    this.waiting = note('accent', [trans.__('Starting a kernel for your voices …')]);
    const section = (title: string, content: HTMLElement, more?: HTMLElement): HTMLElement =>
      h(
        'section',
        { 'aria-label': title },
        h('div', { class: 'vvnb-row' }, h('h3', { class: 'vvnb-grow' }, title), more),
        content,
      );
    const refresh = button({
      label: trans.__('Look again'),
      icon: 'regenerate',
      bare: true,
      size: 'small',
      kind: 'quiet',
      onclick: () => this.look(),
    });
    this.node.append(
      this.failures.element,
      section(trans.__('Voices'), this.voices.element),
      section(trans.__('Projects in this folder'), projects.element, refresh),
      section(trans.__('Loaded models'), this.models.element),
    );
    this.stops = [
      mountAudition(this.node, library.host, this.bus),
      () => this.voices.dispose(),
      () => projects.dispose(),
    ];
    browser.pathChanged.connect(this.look, this);
  }

  override dispose(): void {
    this.options.browser.pathChanged.disconnect(this.look, this);
    this.models.watch(false);
    for (const stop of this.stops) stop();
    super.dispose();
  }

  /** See what there is now, if anybody sees it. */
  look(): void {
    if (!this.isVisible) return;
    const { library, browser, services } = this.options;
    // Below the voices, and gone as they come: a row must not move under a pointer that is about to drag it.
    if (!library.host.channel.connected) this.voices.list.after(this.waiting);
    void this.failures.during(async () => {
      const host = await library.ready().finally(() => this.waiting.remove());
      await host.channel.call('look', {
        root: PageConfig.getOption('serverRoot'),
        folder: services.contents.localPath(browser.path),
      });
    });
    void this.models.look();
  }

  protected override onAfterShow(): void {
    this.look();
    this.models.watch(true);
  }

  protected override onAfterHide(): void {
    this.models.watch(false);
  }
}
