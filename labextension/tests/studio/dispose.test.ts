// @vitest-environment jsdom
import { expect, test, vi } from 'vitest';

import { mountCast } from '../../src/core/cast/cast';
import { acceptVoices, VOICE_DRAG } from '../../src/core/cast/drag';
import { acceptFiles } from '../../src/core/ui/drops';
import { mountControls } from '../../src/core/controls/controls';
import { mountEditor } from '../../src/core/editor/editor';
import { mountExport } from '../../src/core/export/export';
import { Bus, type Host } from '../../src/core/host/host';
import { mountSweep } from '../../src/core/sweep/sweep';
import { mountTakes } from '../../src/core/takes/takes';
import { FakeChannel } from '../fake_channel';

/** Observers and `matchMedia`, which jsdom lacks. */
class Observer {
  observe(): void {}
  disconnect(): void {}
}
vi.stubGlobal('IntersectionObserver', Observer);
vi.stubGlobal('ResizeObserver', Observer);
vi.stubGlobal('matchMedia', () => new EventTarget());

const TRAITS = {
  script: 'Anna: Hello.',
  turns: [
    {
      id: 'a',
      speaker: 'Anna',
      line: 1,
      end_line: 1,
      text_column: 7,
      end_column: 13,
      state: 'unspoken',
      takes: [],
      chosen: null,
      seconds: null,
      gap_ms: null,
      pause_ms: 0,
      gain: 0,
      gain_limit: null,
      pace: 1,
    },
  ],
  speakers: [{ label: 'Anna', color: '#0072b2', voice: null, gain: 0, pace: 1 }],
  voices: [],
  num_steps: 10,
  cfg_scale: 1.3,
  seed: null,
  last_seed: null,
  solver: 'dpmsolver++',
  mode: 'turns',
  model: 'nano',
  models: [],
  model_state: { state: 'unloaded', name: 'nano', device: '', dtype: '', memory: 0, message: '' },
  job: { id: '', state: 'idle', turns: [], message: '' },
};

function fakeHost(listeners: Map<string, Set<() => void>>): Host {
  const traits: Record<string, unknown> = structuredClone(TRAITS);
  return {
    get: (name: string) => traits[name],
    set: (name: string, value: unknown) => (traits[name] = value),
    on: (name: string, callback: () => void) => {
      const callbacks = listeners.get(name) ?? new Set();
      listeners.set(name, callbacks.add(callback));
      return () => callbacks.delete(callback);
    },
    channel: new FakeChannel().asChannel(),
  } as unknown as Host;
}

test.each([mountCast, mountControls, mountEditor, mountExport, mountSweep, mountTakes])(
  '%o removes its elements and its listeners',
  (mount) => {
    const root = document.createElement('div');
    const listeners = new Map<string, Set<() => void>>();
    const host = fakeHost(listeners);
    const bus = new Bus();
    const dispose = mount(root, host, bus);
    expect(root.childElementCount).toBeGreaterThan(0);
    dispose();
    expect(root.childElementCount).toBe(0);
    expect([...listeners.values()].every((callbacks) => callbacks.size === 0)).toBe(true);
    bus.emit('currentTurn', { turn: 'a' });
    bus.emit('flush', {});
    expect(root.childElementCount).toBe(0);
  },
);

function drag(target: HTMLElement, type: string, types: string[], data: Partial<DataTransfer> = {}): boolean {
  const event = new Event(type, { bubbles: true, cancelable: true });
  Object.assign(event, { dataTransfer: { types, files: [], getData: () => '', ...data } });
  return !target.dispatchEvent(event);
}

test('a card accepts dragged voices and files, each with its own handler, until disposal', () => {
  const card = document.createElement('div');
  const child = card.appendChild(document.createElement('p'));
  const voices: string[] = [];
  const files: (File | undefined)[] = [];
  let enabled = true;
  const stops = [
    acceptVoices(card, (voice) => voices.push(voice)),
    acceptFiles(
      card,
      () => enabled,
      (file) => files.push(file),
    ),
  ];
  drag(card, 'dragenter', [VOICE_DRAG]);
  drag(child, 'dragenter', [VOICE_DRAG]);
  drag(card, 'dragleave', [VOICE_DRAG]);
  expect(card.hasAttribute('data-drop')).toBe(true);
  drag(card, 'drop', [VOICE_DRAG], { getData: () => 'Ada' });
  expect([voices, files, card.hasAttribute('data-drop')]).toEqual([['Ada'], [], false]);
  const file = new File(['x'], 'ben.wav');
  drag(card, 'drop', ['Files'], { files: [file] as unknown as FileList });
  expect([voices, files]).toEqual([['Ada'], [file]]);
  enabled = false;
  expect(drag(card, 'dragover', ['Files'])).toBe(false);
  for (const stop of stops) stop();
  expect(drag(card, 'drop', [VOICE_DRAG])).toBe(false);
});
