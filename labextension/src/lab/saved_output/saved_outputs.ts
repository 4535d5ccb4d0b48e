/**
 * Saved forms of widgets in one notebook: a widget's output also holds HTML, and a take if there is one. These
 * are shown while there is no widget to show.
 *
 * ipywidgets takes every output that has a widget, also without a kernel or after the kernel has lost the
 * widget's model. It then shows a line of text for good.
 */

import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { Panel, Widget } from '@lumino/widgets';

const WIDGET = 'application/vnd.jupyter.widget-view+json';
const HTML = 'text/html';

/** Time in ms after which a widget that is still loading is taken for missing. */
export const PATIENCE = 3000;
/** Shortest time in ms between two looks at a notebook, which changes with every key. */
const PAUSE = 200;

interface Output {
  item: Panel;
  renderer: Widget;
  model: IRenderMime.IMimeModel;
}

interface MaybeCode extends Widget {
  outputArea?: { widgets: readonly Widget[]; model: { get(index: number): IRenderMime.IMimeModel } } | null;
}

/** Parts of a notebook that are used. */
export interface OutputsOf {
  readonly node: HTMLElement;
  readonly widgets: readonly Widget[];
  readonly rendermime: Pick<IRenderMimeRegistry, 'preferredMimeType' | 'createRenderer'>;
}

export type WidgetState = 'shown' | 'loading' | 'missing';

/** State of a widget, as shown by ipywidgets' renderer. */
export function stateOf(node: HTMLElement): WidgetState {
  const text = node.firstElementChild ? '' : (node.textContent ?? '');
  if (text.startsWith('Loading widget')) return 'loading';
  return text.startsWith('Error ') ? 'missing' : 'shown';
}

function* outputsWithBoth(notebook: OutputsOf): Generator<Output> {
  for (const cell of notebook.widgets as readonly MaybeCode[]) {
    const area = cell.outputArea;
    for (const [index, item] of (area?.widgets ?? []).entries()) {
      const model = area!.model.get(index) as IRenderMime.IMimeModel | undefined;
      const html = model?.data[HTML];
      if (typeof html !== 'string' || !html.includes('vibevoice-static')) continue;
      for (const child of item.children()) {
        const { mimeType } = child as Widget & { mimeType?: string };
        if (mimeType === WIDGET) yield { item: item as Panel, renderer: child, model: model! };
      }
    }
  }
}

export class SavedOutputs {
  /** Saved form that stands for a widget, by the widget's renderer. */
  private readonly forms = new Map<Widget, Widget>();
  private readonly loadingSince = new WeakMap<Widget, number>();
  private readonly observer = new MutationObserver(() => this.lookIn(PAUSE));
  private timer: ReturnType<typeof setTimeout> | undefined;
  private due = Infinity;

  constructor(private readonly notebook: OutputsOf) {
    this.observer.observe(notebook.node, { childList: true, subtree: true });
    this.lookIn(PAUSE);
  }

  dispose(): void {
    this.observer.disconnect();
    clearTimeout(this.timer);
  }

  /** Look after a time in ms, or earlier if an earlier look is pending. */
  private lookIn(delay: number): void {
    const due = performance.now() + delay;
    if (due >= this.due) return;
    clearTimeout(this.timer);
    this.due = due;
    this.timer = setTimeout(() => {
      this.due = Infinity;
      this.look();
    }, delay);
  }

  private look(): void {
    for (const renderer of this.forms.keys()) if (renderer.isDisposed) this.forms.delete(renderer);
    let wait = Infinity;
    for (const output of outputsWithBoth(this.notebook)) {
      const state = stateOf(output.renderer.node);
      if (state === 'shown') this.remove(output.renderer);
      else if (!this.forms.has(output.renderer)) {
        const left = state === 'missing' ? 0 : this.patienceLeft(output.renderer);
        if (left > 0) wait = Math.min(wait, left);
        else this.show(output);
      }
    }
    if (wait < Infinity) this.lookIn(Math.max(wait, PAUSE));
  }

  private patienceLeft(renderer: Widget): number {
    const since = this.loadingSince.get(renderer) ?? performance.now();
    this.loadingSince.set(renderer, since);
    return since + PATIENCE - performance.now();
  }

  private show({ item, renderer, model }: Output): void {
    const { rendermime } = this.notebook;
    const saved = Object.fromEntries(Object.entries(model.data).filter(([type]) => type !== WIDGET));
    const form = rendermime.createRenderer(rendermime.preferredMimeType(saved) ?? HTML);
    form.addClass('jp-OutputArea-output');
    this.forms.set(renderer, form);
    renderer.hide();
    item.addWidget(form);
    void form.renderModel(model);
  }

  private remove(renderer: Widget): void {
    const form = this.forms.get(renderer);
    if (!form) return;
    this.forms.delete(renderer);
    form.dispose();
    renderer.show();
  }
}
