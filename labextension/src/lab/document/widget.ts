/** A script's document: the Studio, bound to a file and to a kernel. */

import type { ISessionContext } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import { DocumentWidget, type DocumentRegistry } from '@jupyterlab/docregistry';
import type { Contents, Kernel } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { h } from '../../core/ui/dom';
import { Bus } from '../../core/host/host';
import { button, failureNote, failureOf, note } from '../../core/ui/elements';
import { preparePlayer } from '../../core/player/player';
import { mountStudio } from '../../core/studio/studio';
import { CommHost } from '../comm_host';
import { newProjectSettings } from '../preferences';
import type { IPreferences } from '../tokens';
import { TextSync, type TextModel } from './text_sync';

export interface StudioPanelOptions {
  context: DocumentRegistry.Context;
  contents: Contents.IManager;
  preferences: IPreferences;
  trans: TranslationBundle;
  /** Open the document in the plain text editor. */
  openAsText(): void;
}

/** A kernel that was started now may need this long; after it, the ways on are shown. */
const PATIENCE_MS = 20_000;

/** The Studio, once a kernel has answered; before that, and when it can't, what the person should know. */
export class StudioPanel extends Widget {
  readonly host: CommHost;
  readonly bus = new Bus();
  private readonly place = h('div', { class: 'vvnb-lab-place', role: 'status' });
  private readonly stops: (() => void)[] = [];
  private unmount: (() => void) | null = null;
  private attempt = 0;
  private timer = 0;
  private path = '';
  private attached: Kernel.IKernelConnection | null = null;

  constructor(private readonly options: StudioPanelOptions) {
    super();
    const { context, preferences, trans } = options;
    this.addClass('vvnb');
    this.addClass('vvnb-studio');
    this.addClass('vvnb-lab-document');
    this.node.append(this.place);
    this.host = new CommHost(trans.__('If it is not restarting, restart it or choose another one'));
    this.say(trans.__('Starting a kernel …'));
    const bond = new TextSync(this.host, context.model as unknown as TextModel);
    const session = context.sessionContext;
    session.kernelChanged.connect(this.kernelChanged, this);
    session.statusChanged.connect(this.statusChanged, this);
    context.saveState.connect(this.saving, this);
    context.pathChanged.connect(this.kernelChanged, this); // the project follows its file
    this.stops.push(
      () => bond.dispose(),
      preferences.watch(({ autoplay }) => this.host.update({ autoplay })),
    );
    void Promise.all([context.ready, session.ready]).then(() => this.connect());
  }

  override dispose(): void {
    if (this.isDisposed) return;
    const { context } = this.options;
    this.attempt++;
    clearTimeout(this.timer);
    context.sessionContext.kernelChanged.disconnect(this.kernelChanged, this);
    context.sessionContext.statusChanged.disconnect(this.statusChanged, this);
    context.saveState.disconnect(this.saving, this);
    context.pathChanged.disconnect(this.kernelChanged, this);
    this.unmount?.();
    for (const stop of this.stops) stop();
    this.host.dispose();
    super.dispose();
  }

  protected override onActivateRequest(): void {
    this.node.querySelector<HTMLElement>('.cm-content')?.focus();
  }

  /** Ask the session's kernel for the room, unless it has given it already. */
  private async connect(): Promise<void> {
    const { context, contents, preferences, trans } = this.options;
    const kernel = context.sessionContext.session?.kernel;
    if (this.isDisposed || !context.isReady || !kernel || kernel === this.attached) return;
    const attempt = ++this.attempt;
    if (!this.unmount) this.say(trans.__('Waiting for the kernel …'));
    const path = contents.localPath(context.path);
    const before = this.path === path ? '' : this.path;
    try {
      this.attached = kernel;
      await this.host.attach(kernel, {
        room: 'studio',
        root: PageConfig.getOption('serverRoot'),
        path,
        before,
        text: context.model.toString(),
        settings: newProjectSettings(preferences.values),
        budget: preferences.values.audioBudget,
      });
      this.path = path;
      if (attempt === this.attempt) this.mount();
    } catch (error) {
      if (attempt !== this.attempt || this.isDisposed) return;
      this.attached = null;
      clearTimeout(this.timer);
      this.place.replaceChildren(failureNote(failureOf(error)), this.actions());
    }
  }

  /** The ways on when the document doesn't open. */
  private actions(): HTMLElement {
    const { trans, openAsText } = this.options;
    return h(
      'div',
      { class: 'vvnb-row' },
      button({ label: trans.__('Try again'), icon: 'undo', onclick: () => this.kernelChanged() }),
      button({
        label: trans.__('Open as text'),
        icon: 'file',
        title: trans.__('Open the file in the text editor'),
        onclick: openAsText,
      }),
    );
  }

  private mount(): void {
    clearTimeout(this.timer);
    this.place.replaceChildren();
    if (this.unmount) return;
    const unprepare = preparePlayer(this.host, this.bus);
    const unmount = mountStudio(this.node, this.host, this.bus);
    this.unmount = () => {
      unmount();
      unprepare();
    };
  }

  private say(words: string): void {
    this.place.replaceChildren(note('accent', [words]));
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      const { trans } = this.options;
      this.place.replaceChildren(
        note('warning', [
          h('strong', null, trans.__('The kernel has not answered yet. ')),
          trans.__('It may be busy, or may have failed. The file is unchanged.'),
        ]),
        this.actions(),
      );
    }, PATIENCE_MS);
  }

  private kernelChanged(): void {
    this.lose();
    void this.connect();
  }

  private statusChanged(_: ISessionContext, status: Kernel.Status): void {
    if (['restarting', 'autorestarting', 'terminating', 'dead'].includes(status)) this.lose();
    else if (status === 'idle' || status === 'busy') void this.connect();
  }

  private lose(): void {
    this.attempt++;
    this.attached = null;
    this.host.detach();
  }

  private saving(_: unknown, state: DocumentRegistry.SaveState): void {
    if (state === 'started') this.bus.emit('flush', {});
  }
}

export class ScriptDocument extends DocumentWidget<StudioPanel, DocumentRegistry.IModel> {
  /** The folder of takes beside the file, as the kernel knows it; empty before it has answered. */
  get project(): string {
    return this.content.host.get('project')?.path ?? '';
  }
}
