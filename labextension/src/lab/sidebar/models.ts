/** What the running kernels have loaded, as far as they are idle, and letting go of it. */

import type { Kernel, ServiceManager, Session } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

import { h } from '../../core/ui/dom';
import { button, type Failures } from '../../core/ui/elements';
import { bytes } from '../../core/ui/format';
import { evaluate } from '../kernel';

export interface LoadedModel {
  model: string;
  device: string;
  dtype: string;
  nbytes: number;
}

const MODULE = '__import__("sys").modules.get("vibevoice_nb.engine.registry")';
const json = (expression: string): string => `__import__("IPython.display", fromlist=["_"]).JSON(${expression})`;
/** Says what is loaded and imports nothing: a kernel that has nothing to do with us stays as it is. */
export const LOADED = json(`[vars(one) for one in ${MODULE}.engines.list()] if ${MODULE} else []`);
export const unloading = (model: string): string => json(`[${MODULE}.engines.unload(${JSON.stringify(model)})]`);

const EVERY_MS = 15_000;

export class ModelList {
  readonly element = h('ul', { class: 'vvnb-lab-list' });
  private timer = 0;
  private looking = false;

  constructor(
    private readonly services: ServiceManager.IManager,
    private readonly failures: Failures,
    private readonly trans: TranslationBundle,
  ) {
    this.element.setAttribute('aria-label', trans.__('Loaded models'));
  }

  /** Look now and then, as long as somebody sees it. */
  watch(on: boolean): void {
    clearInterval(this.timer);
    if (!on) return;
    this.timer = window.setInterval(() => void this.look(), EVERY_MS);
    void this.look();
  }

  async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    try {
      const { kernelspecs, sessions } = this.services;
      const python = ({ kernel }: Session.IModel): boolean =>
        kernelspecs.specs?.kernelspecs[kernel?.name ?? '']?.language === 'python';
      const idle = [...sessions.running()].filter(
        (session) => session.kernel?.execution_state === 'idle' && python(session),
      );
      const found = await Promise.all(
        idle.map((session) => this.ask<LoadedModel[]>(session.kernel!, LOADED).catch(() => [])),
      );
      const rows = idle.flatMap((session, at) => found[at]!.map((model) => this.row(session, model)));
      const none = h('li', { class: 'vvnb-hint' }, this.trans.__('None in an idle kernel.'));
      this.element.replaceChildren(...(rows.length ? rows : [none]));
    } finally {
      this.looking = false;
    }
  }

  private async ask<T>(model: Kernel.IModel, expression: string): Promise<T> {
    const kernel = this.services.kernels.connectTo({ model, handleComms: false });
    try {
      return await evaluate<T>(kernel, expression);
    } finally {
      kernel.dispose();
    }
  }

  private row(session: Session.IModel, { model, device, dtype, nbytes }: LoadedModel): HTMLElement {
    const unload = async (): Promise<void> => {
      await this.failures.during(() => this.ask(session.kernel!, unloading(model)));
      await this.look();
    };
    return h(
      'li',
      { class: 'vvnb-lab-item', title: session.path },
      h(
        'span',
        { class: 'vvnb-grow vvnb-ellipsis' },
        model,
        h('span', { class: 'vvnb-hint' }, ` · ${session.name || session.path}`),
      ),
      h('span', { class: 'vvnb-hint' }, `${bytes(nbytes)} · ${device} · ${dtype}`),
      button({
        label: this.trans.__('Unload %1', model),
        icon: 'close',
        bare: true,
        size: 'small',
        kind: 'quiet',
        onclick: () => void unload(),
      }),
    );
  }
}
