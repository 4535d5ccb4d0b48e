/** Document widget: the Studio for a file and a kernel. */

import type { ISessionContext } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import type { DocumentWidget } from '@jupyterlab/docregistry';
import { type DocumentRegistry } from '@jupyterlab/docregistry';
import type { Contents, Kernel } from '@jupyterlab/services';
import { Widget } from '@lumino/widgets';

import { h } from '../../core/ui/dom';
import { Bus } from '../../core/host/host';
import { t } from '../../core/strings';
import { Disposers } from '../../core/ui/disposers';
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
  /** Open the document in the plain text editor. */
  openAsText(): void;
}

/** Time a new kernel may take before alternatives are offered, milliseconds. */
const PATIENCE_MS = 20_000;

/** The Studio, once a kernel has answered; before that, the state of the connection. */
export class StudioPanel extends Widget {
  readonly host: CommHost;
  readonly bus = new Bus();
  private readonly place = h('div', { class: 'vvnb-lab-place', role: 'status' });
  private readonly disposers = new Disposers();
  private unmount: (() => void) | null = null;
  private attempt = 0;
  private timer = 0;
  private path = '';
  private attached: Kernel.IKernelConnection | null = null;
  /** The element that had the focus last. */
  private focused: HTMLElement | null = null;
  /** The pointer is down inside. */
  private pressed = false;

  constructor(private readonly options: StudioPanelOptions) {
    super();
    const { context, preferences } = options;
    this.addClass('vvnb');
    this.addClass('vvnb-studio');
    this.addClass('vvnb-lab-document');
    this.node.append(this.place);
    this.host = new CommHost(t('lab.kernel_lost'));
    this.showState(t('lab.starting_kernel'));
    this.disposers.listen(this.node, 'focusin', ({ target }) => (this.focused = target as HTMLElement));
    this.disposers.listen(this.node, 'pointerdown', () => (this.pressed = true), true);
    for (const end of ['pointerup', 'pointercancel']) {
      this.disposers.listen(window, end, () => (this.pressed = false), true);
    }
    this.disposers.child(new TextSync(this.host, context.model as unknown as TextModel));
    const session = context.sessionContext;
    session.kernelChanged.connect(this.kernelChanged, this);
    session.statusChanged.connect(this.statusChanged, this);
    context.saveState.connect(this.saving, this);
    context.pathChanged.connect(this.kernelChanged, this); // the project follows its file
    this.disposers.add(preferences.watch(({ autoplay }) => this.host.update({ autoplay })));
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
    this.disposers.dispose();
    this.host.dispose();
    super.dispose();
  }

  /**
   * Focus what had the focus last, at first the script. A click inside activates the document as well: it must reach
   * what was clicked, and the page must not move.
   */
  protected override onActivateRequest(): void {
    if (this.node.contains(document.activeElement) || this.pressed) return;
    const last = this.focused?.isConnected ? this.focused : this.node.querySelector<HTMLElement>('.cm-content');
    last?.focus({ preventScroll: true });
  }

  /** Request the Studio from the session's kernel, unless it is attached already. */
  private async connect(): Promise<void> {
    const { context, contents, preferences } = this.options;
    const kernel = context.sessionContext.session?.kernel;
    if (this.isDisposed || !context.isReady || !kernel || kernel === this.attached) return;
    const attempt = ++this.attempt;
    if (!this.unmount) this.showState(t('lab.waiting_for_kernel'));
    const path = contents.localPath(context.path);
    const before = this.path === path ? '' : this.path;
    try {
      this.attached = kernel;
      await this.host.attach(kernel, {
        view: 'studio',
        root: PageConfig.getOption('serverRoot'),
        path,
        previous_path: before,
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

  /** Alternatives when the document does not open. */
  private actions(): HTMLElement {
    const { openAsText } = this.options;
    return h(
      'div',
      { class: 'vvnb-row' },
      button({ label: t('lab.retry'), icon: 'undo', onclick: () => this.kernelChanged() }),
      button({
        label: t('lab.open_as_text'),
        icon: 'file',
        title: t('lab.open_as_text_hint'),
        onclick: openAsText,
      }),
    );
  }

  private mount(): void {
    clearTimeout(this.timer);
    this.place.replaceChildren();
    if (this.unmount) return;
    const disposers = new Disposers();
    const release = preparePlayer(this.host, this.bus);
    disposers.add(mountStudio(this.node, this.host, this.bus, { isDocument: true }), release);
    this.unmount = disposers.dispose;
  }

  private showState(words: string): void {
    this.place.replaceChildren(note('accent', [words]));
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      this.place.replaceChildren(
        note('warning', [h('strong', null, t('lab.kernel_slow')), ` ${t('lab.kernel_slow_hint')}`]),
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

export type ScriptDocument = DocumentWidget<StudioPanel, DocumentRegistry.IModel>;
