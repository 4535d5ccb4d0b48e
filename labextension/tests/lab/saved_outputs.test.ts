// @vitest-environment jsdom
import { Panel, Widget } from '@lumino/widgets';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { PATIENCE, SavedOutputs, stateOf, type OutputsOf } from '../../src/lab/saved_output/saved_outputs';

// Lumino defines its own drag events when it is loaded, which jsdom cannot.
vi.hoisted(() => vi.stubGlobal('DragEvent', class extends Event {}));

const WIDGET = 'application/vnd.jupyter.widget-view+json';
const SAVED = { [WIDGET]: { model_id: 'a' }, 'text/html': '<div class="vibevoice-static">Anna</div>' };

/** Renderer of ipywidgets, as it is before it finds its model. */
class WidgetRenderer extends Panel {
  mimeType = WIDGET;

  say(text: string): void {
    this.node.textContent = text;
  }
}

class HtmlRenderer extends Widget implements IRenderMime.IRenderer {
  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.node.innerHTML = model.data['text/html'] as string;
  }
}

function notebookWith(data: IRenderMime.IMimeModel['data']): {
  renderer: WidgetRenderer;
  item: Panel;
  notebook: OutputsOf;
} {
  const renderer = new WidgetRenderer();
  const item = new Panel();
  item.addWidget(renderer);
  const cell = new Panel();
  cell.addWidget(item);
  const outputArea = { widgets: [item], model: { get: () => ({ data }) as unknown as IRenderMime.IMimeModel } };
  const notebook = {
    node: cell.node,
    widgets: [Object.assign(cell, { outputArea })],
    rendermime: {
      preferredMimeType: (bundle: object) => Object.keys(bundle).at(-1),
      createRenderer: () => new HtmlRenderer(),
    },
  };
  return { renderer, item, notebook };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test.each([
  ['Loading widget...', 'loading'],
  ['Error displaying widget: model not found', 'missing'],
  ['', 'shown'],
])('a renderer with %j', (text, state) => {
  const node = document.createElement('div');
  node.textContent = text;
  expect(stateOf(node)).toBe(state);
  node.append(document.createElement('div'));
  expect(stateOf(node)).toBe('shown');
});

test('a saved form stands for a widget that loads for long, until the widget comes', async () => {
  const { renderer, item, notebook } = notebookWith(SAVED);
  renderer.say('Loading widget...');
  const outputs = new SavedOutputs(notebook);
  await vi.advanceTimersByTimeAsync(PATIENCE);
  expect(renderer.isHidden).toBe(false);
  await vi.advanceTimersByTimeAsync(500);
  expect(renderer.isHidden).toBe(true);
  expect(item.node.textContent).toContain('Anna');

  renderer.say('');
  renderer.addWidget(new Widget());
  await vi.advanceTimersByTimeAsync(500);
  expect(renderer.isHidden).toBe(false);
  expect(item.widgets).toEqual([renderer]);
  outputs.dispose();
});

test('a saved form stands for a widget without a model at once', async () => {
  const { renderer, item, notebook } = notebookWith(SAVED);
  const outputs = new SavedOutputs(notebook);
  renderer.say('Error displaying widget: model not found');
  await vi.advanceTimersByTimeAsync(500);
  expect(item.node.textContent).toContain('Anna');
  outputs.dispose();
});

test('an error while a widget loads ends the wait', async () => {
  const { renderer, item, notebook } = notebookWith(SAVED);
  renderer.say('Loading widget...');
  const outputs = new SavedOutputs(notebook);
  await vi.advanceTimersByTimeAsync(500);
  expect(item.node.textContent).not.toContain('Anna');
  renderer.say('Error displaying widget: model not found');
  await vi.advanceTimersByTimeAsync(500);
  expect(item.node.textContent).toContain('Anna');
  outputs.dispose();
});

test('widgets of others are left alone', async () => {
  const { renderer, item, notebook } = notebookWith({ ...SAVED, 'text/html': '<b>Plot</b>' });
  renderer.say('Error displaying widget: model not found');
  const outputs = new SavedOutputs(notebook);
  await vi.advanceTimersByTimeAsync(2 * PATIENCE);
  expect(item.widgets).toEqual([renderer]);
  outputs.dispose();
});
