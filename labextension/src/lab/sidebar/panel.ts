/** Sidebar: recent projects, voices, loaded models. The server lists them; no kernel is started for that. */

import { PageConfig } from '@jupyterlab/coreutils';
import type { FileBrowserModel } from '@jupyterlab/filebrowser';
import type { Contents, ServiceManager } from '@jupyterlab/services';
import type { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';

import { h } from '../../core/ui/dom';
import { Bus } from '../../core/host/host';
import { t } from '../../core/strings';
import { Disposers } from '../../core/ui/disposers';
import { button, Failures } from '../../core/ui/elements';
import { mountAudition } from '../../core/ui/audition';
import { fetchAudio } from '../../core/ui/pcm';
import { waveIcon } from '../icons';
import { ModelList } from './models';
import { ProjectList } from './projects';
import type { Library } from './library';
import { HomeServer } from './server';
import { VoiceList } from './voices';

/** Interval of refreshing while visible, milliseconds; none where the list takes longer than `SLOW_MS`. */
const INTERVAL_MS = 30_000;
const SLOW_MS = 1000;
/** Time for the kernel to move a renamed project's folder, milliseconds. */
const SETTLE_MS = 1500;

export interface SidebarOptions {
  library: Library;
  services: ServiceManager.IManager;
  commands: CommandRegistry;
  browser: FileBrowserModel;
}

export class Sidebar extends Widget {
  private readonly bus = new Bus();
  private readonly failures = new Failures();
  private readonly server: HomeServer;
  private readonly models: ModelList;
  private readonly disposers = new Disposers();
  private timer = 0;
  private settling = 0;

  constructor(private readonly options: SidebarOptions) {
    super();
    const { library, services, commands, browser } = options;
    this.id = 'vibevoice-sidebar';
    this.title.icon = waveIcon;
    this.title.caption = t('lab.sidebar');
    this.node.setAttribute('aria-label', t('lab.category'));
    this.addClass('vvnb');
    this.addClass('vvnb-lab-sidebar');
    this.server = new HomeServer(services.serverSettings);
    const projects = new ProjectList(this.server, this.bus, commands);
    const voices = new VoiceList(this.server, library, this.bus, this.failures, () => this.list());
    this.models = new ModelList(services, this.failures);
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
      section(t('lab.recent_projects'), projects.element, refresh),
      section(t('lab.voices'), voices.element),
      section(t('lab.loaded_models'), this.models.element),
    );
    this.disposers.child(mountAudition(this.node, (source) => this.audio(source), this.bus));
    for (const list of [voices, projects, this.models]) this.disposers.child(list);
    browser.pathChanged.connect(this.refresh, this);
    services.contents.fileChanged.connect(this.fileChanged, this);
  }

  override dispose(): void {
    const { browser, services } = this.options;
    browser.pathChanged.disconnect(this.refresh, this);
    services.contents.fileChanged.disconnect(this.fileChanged, this);
    this.watch(false);
    this.disposers.dispose();
    super.dispose();
  }

  /** Refresh all lists, if visible. */
  refresh(): void {
    if (!this.isVisible) return;
    void this.failures.during(() => this.list());
    void this.models.refresh();
  }

  /** List projects and voices anew; for changes of the library, which may come from elsewhere in the page. */
  list(): Promise<void> {
    const { browser, services } = this.options;
    return this.server.refresh(services.contents.localPath(browser.path));
  }

  protected override onAfterShow(): void {
    this.refresh();
    this.watch(true);
  }

  protected override onAfterHide(): void {
    this.watch(false);
  }

  private watch(on: boolean): void {
    this.models.watch(on);
    clearInterval(this.timer);
    clearTimeout(this.settling);
    if (!on) return;
    this.timer = window.setInterval(() => {
      if (!document.hidden && this.server.took < SLOW_MS) this.list().catch(() => undefined); // shown when asked for
    }, INTERVAL_MS);
  }

  private fileChanged(_: unknown, { oldValue, newValue }: Contents.IChangedArgs): void {
    const about = [oldValue?.path, newValue?.path].some((path) => path && /\.(vvscript|vibevoice)$/.test(path));
    if (!about || !this.isVisible) return;
    clearTimeout(this.settling);
    this.settling = window.setTimeout(() => this.refresh(), SETTLE_MS);
  }

  /** Audio of a voice from the server; that of a project or a take from a kernel, which can join takes. */
  private async audio(source: string): Promise<Float32Array<ArrayBuffer>> {
    const { library } = this.options;
    const [kind, name] = [source.slice(0, source.indexOf(':')), source.slice(source.indexOf(':') + 1)];
    if (kind === 'library') return this.server.voice(name);
    const host = await library.ready();
    const path = kind === 'take' ? name.slice(name.indexOf('@') + 1) : name;
    await host.channel.call('open_listed', { root: PageConfig.getOption('serverRoot'), path });
    return fetchAudio(host, source);
  }
}
