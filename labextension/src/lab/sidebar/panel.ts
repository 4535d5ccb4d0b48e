/** Sidebar: voices, projects in this folder, loaded models. */

import { PageConfig } from '@jupyterlab/coreutils';
import type { FileBrowserModel } from '@jupyterlab/filebrowser';
import type { ServiceManager } from '@jupyterlab/services';
import type { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';

import { h } from '../../core/ui/dom';
import { Bus } from '../../core/host/host';
import { t } from '../../core/strings';
import { Disposers } from '../../core/ui/disposers';
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
}

export class Sidebar extends Widget {
  private readonly bus = new Bus();
  private readonly failures = new Failures();
  private readonly voices: VoiceList;
  private readonly waiting: HTMLElement;
  private readonly models: ModelList;
  private readonly disposers = new Disposers();

  constructor(private readonly options: SidebarOptions) {
    super();
    const { library, services, commands, browser } = options;
    this.id = 'vibevoice-sidebar';
    this.title.icon = waveIcon;
    this.title.caption = t('lab.sidebar');
    this.node.setAttribute('aria-label', t('lab.category'));
    this.addClass('vvnb');
    this.addClass('vvnb-lab-sidebar');
    this.voices = new VoiceList(library.host, this.bus, this.failures);
    const projects = new ProjectList(library.host, this.bus, commands, () => browser.path);
    this.models = new ModelList(services, this.failures);
    this.waiting = note('accent', [t('lab.sidebar_starting')]);
    const section = (title: string, content: HTMLElement, more?: HTMLElement): HTMLElement =>
      h(
        'section',
        { 'aria-label': title },
        h('div', { class: 'vvnb-row' }, h('h3', { class: 'vvnb-grow' }, title), more),
        content,
      );
    const refresh = button({
      label: t('lab.refresh'),
      icon: 'regenerate',
      bare: true,
      size: 'small',
      kind: 'quiet',
      onclick: () => this.refresh(),
    });
    this.node.append(
      this.failures.element,
      section(t('lab.voices'), this.voices.element),
      section(t('lab.projects_in_folder'), projects.element, refresh),
      section(t('lab.loaded_models'), this.models.element),
    );
    this.disposers.child(mountAudition(this.node, library.host, this.bus));
    for (const list of [this.voices, projects, this.models]) this.disposers.child(list);
    browser.pathChanged.connect(this.refresh, this);
  }

  override dispose(): void {
    this.options.browser.pathChanged.disconnect(this.refresh, this);
    this.disposers.dispose();
    super.dispose();
  }

  /** Refresh all lists, if visible. */
  refresh(): void {
    if (!this.isVisible) return;
    const { library, browser, services } = this.options;
    // Placed below the voices: rows must not move under a pointer that is about to drag one.
    if (!library.host.channel.connected) this.voices.list.after(this.waiting);
    void this.failures.during(async () => {
      const host = await library.ready().finally(() => this.waiting.remove());
      await host.channel.call('refresh_library', {
        root: PageConfig.getOption('serverRoot'),
        folder: services.contents.localPath(browser.path),
      });
    });
    void this.models.refresh();
  }

  protected override onAfterShow(): void {
    this.refresh();
    this.models.watch(true);
  }

  protected override onAfterHide(): void {
    this.models.watch(false);
  }
}
