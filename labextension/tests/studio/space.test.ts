// @vitest-environment jsdom
import { expect, test, vi } from 'vitest';

import { Bus, type Action, type Host } from '../../src/core/host/host';
import { areaKeys } from '../../src/core/studio/shortcuts';
import { mountTakes } from '../../src/core/takes/takes';
import { FakeChannel } from '../fake_channel';

/** Observer, which jsdom lacks. */
class Observer {
  observe(): void {}
  disconnect(): void {}
}
vi.stubGlobal('IntersectionObserver', Observer);
vi.stubGlobal('ResizeObserver', Observer);
vi.stubGlobal('matchMedia', () => new EventTarget());

const SOUND = { gap_ms: null, pause_ms: 0, gain: 0, gain_limit: null, pace: 1 };
const TURN = { speaker: 'Anna', line: 1, end_line: 1, state: 'spoken', takes: [], chosen: 'x', seconds: 1, ...SOUND };

function commandsOf(bus: Bus): string[] {
  const found: string[] = [];
  bus.on('act', ({ action }: { action: Action }) => found.push(action));
  bus.on('seek', ({ turn }) => found.push(`seek ${turn}`));
  return found;
}

function press(target: Element, key = ' ', init: KeyboardEventInit = {}): KeyboardEvent {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, composed: true, ...init });
  target.dispatchEvent(event);
  return event;
}

test('Space plays and pauses in the Studio, except where the focused element uses it', () => {
  const studio = document.createElement('div');
  studio.innerHTML = '<p tabindex="-1"></p><input type="range"><input type="text"><button></button><select></select>';
  document.body.append(studio);
  const bus = new Bus();
  const commands = commandsOf(bus);
  const dispose = areaKeys(studio, bus, [], () => undefined);
  for (const other of ['input[type=text]', 'button', 'select']) press(studio.querySelector(other)!);
  press(studio.querySelector('p')!, ' ', { shiftKey: true });
  expect(commands).toEqual([]);
  for (const free of ['p', 'input[type=range]']) expect(press(studio.querySelector(free)!).defaultPrevented).toBe(true);
  expect(commands).toEqual(['play', 'play']);
  dispose();
});

test('“Play from here” pauses while its turn plays', () => {
  const turns = ['a', 'b'].map((id) => ({ ...TURN, id }));
  const traits: Record<string, unknown> = { turns, takes: {}, script: 'Anna: Hello.\nAnna: Bye.', speakers: [] };
  const host = {
    get: (name: string) => traits[name],
    set: () => undefined,
    on: () => () => undefined,
    channel: new FakeChannel().asChannel(),
  } as unknown as Host;
  const root = document.createElement('div');
  const bus = new Bus();
  const commands = commandsOf(bus);
  mountTakes(root, host, bus);
  const labelled = (label: string): HTMLButtonElement | undefined =>
    [...root.querySelectorAll('button')].find((button) => button.textContent === label);
  labelled('Play from here')!.click();
  bus.emit('currentTurn', { turn: 'a' });
  labelled('Pause')!.click();
  bus.emit('currentTurn', { turn: null });
  labelled('Play from here')!.click();
  bus.emit('currentTurn', { turn: 'b' });
  expect(labelled('Pause')).toBeUndefined();
  expect(commands).toEqual(['seek a', 'play', 'seek a']);
});
