/** Models loaded in idle kernels, with a button to unload each. */

import type { Kernel, ServiceManager, Session } from '@jupyterlab/services';

import { h } from '../../core/ui/dom';
import { t } from '../../core/strings';
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
/** Expression for the loaded models; it imports nothing, so that kernels without vibevoice-nb stay unchanged. */
export const LOADED = json(`[vars(one) for one in ${MODULE}.engines.list()] if ${MODULE} else []`);
export const unloading = (model: string): string => json(`[${MODULE}.engines.unload(${JSON.stringify(model)})]`);

const INTERVAL_MS = 15_000;

export class ModelList {
  readonly element = h('ul', { class: 'vvnb-lab-list' });
  private timer = 0;
  private refreshing = false;

  constructor(
    private readonly services: ServiceManager.IManager,
    private readonly failures: Failures,
  ) {
    this.element.setAttribute('aria-label', t('lab.loaded_models'));
  }

  /** Refresh regularly while visible. */
  watch(on: boolean): void {
    clearInterval(this.timer);
    if (!on) return;
    this.timer = window.setInterval(() => void this.refresh(), INTERVAL_MS);
    void this.refresh();
  }

  dispose(): void {
    this.watch(false);
  }

  async refresh(): Promise<void> {
    if (this.refreshing) return;
    this.refreshing = true;
    try {
      const { kernelspecs, sessions } = this.services;
      const python = ({ kernel }: Session.IModel): boolean =>
        kernelspecs.specs?.kernelspecs[kernel?.name ?? '']?.language === 'python';
      const idle = [...sessions.running()].filter(
        (session) => session.kernel?.execution_state === 'idle' && python(session),
      );
      const found = await Promise.all(
        idle.map((session) => this.evaluate<LoadedModel[]>(session.kernel!, LOADED).catch(() => [])),
      );
      const rows = idle.flatMap((session, at) => found[at]!.map((model) => this.row(session, model)));
      const none = h('li', { class: 'vvnb-hint' }, t('lab.no_models'));
      this.element.replaceChildren(...(rows.length ? rows : [none]));
    } finally {
      this.refreshing = false;
    }
  }

  private async evaluate<T>(model: Kernel.IModel, expression: string): Promise<T> {
    const kernel = this.services.kernels.connectTo({ model, handleComms: false });
    try {
      return await evaluate<T>(kernel, expression);
    } finally {
      kernel.dispose();
    }
  }

  private row(session: Session.IModel, { model, device, dtype, nbytes }: LoadedModel): HTMLElement {
    const unload = async (): Promise<void> => {
      await this.failures.during(() => this.evaluate(session.kernel!, unloading(model)));
      await this.refresh();
    };
    return h(
      'li',
      { class: 'vvnb-lab-item', title: session.path },
      h(
        'div',
        { class: 'vvnb-grow vvnb-ellipsis' },
        h(
          'div',
          { class: 'vvnb-ellipsis' },
          model,
          h('span', { class: 'vvnb-hint' }, ` · ${session.name || session.path}`),
        ),
        h('div', { class: 'vvnb-hint' }, `${bytes(nbytes)} · ${device} · ${dtype}`),
      ),
      button({
        label: t('lab.unload', { model }),
        icon: 'close',
        bare: true,
        size: 'small',
        kind: 'quiet',
        onclick: () => void unload(),
      }),
    );
  }
}
