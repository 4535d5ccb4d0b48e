// @vitest-environment jsdom
import type { AnyModel } from '@anywidget/types';
import { expect, test, vi } from 'vitest';

import type { Bus, Host } from '../src/core/host/host';
import { widget } from '../src/widget/adapter';

type Values = Record<string, unknown>;

/** A model whose saves are counted, and whose messages are kept. */
function fakeModel(values: Values) {
  const listeners = new Map<string, ((...args: unknown[]) => void)[]>();
  const sent: Values[] = [];
  const model = {
    get: (name: string) => values[name],
    set(name: string, value: unknown) {
      values[name] = value;
      for (const callback of listeners.get(`change:${name}`) ?? []) callback();
    },
    save_changes: vi.fn(),
    send: (content: Values) => sent.push(content),
    on: (name: string, callback: () => void) => void listeners.set(name, [...(listeners.get(name) ?? []), callback]),
    off: (name: string, callback: () => void) =>
      void listeners.set(
        name,
        (listeners.get(name) ?? []).filter((one) => one !== callback),
      ),
  };
  return { model: model as unknown as AnyModel<Values> & typeof model, sent, listeners };
}

async function show(values: Values) {
  const fake = fakeModel(values);
  const hosts: Host[] = [];
  const buses: Bus[] = [];
  const unmounted = vi.fn();
  const entry = widget('test', (_root, host, bus) => (hosts.push(host), buses.push(bus), unmounted));
  const definition = await (entry as () => Promise<Record<string, (props: object) => () => void>>)();
  const stop = definition['initialize']!({ model: fake.model });
  const roots = [document.createElement('div'), document.createElement('div')];
  const clear = roots.map((el) => definition['render']!({ model: fake.model, el }));
  return { ...fake, hosts, buses, roots, stop, clear, unmounted };
}

test('the views of a model share one channel and one bus', async () => {
  const { hosts, buses, sent, roots } = await show({});
  expect(hosts[0]!.channel).toBe(hosts[1]!.channel);
  expect(buses[0]).toBe(buses[1]);
  expect(sent.map(({ kind }) => kind)).toEqual(['hello']);
  expect(roots[0]!.className).toBe('vvnb vvnb-test');
});

test('values set together are saved together', async () => {
  const { hosts, model } = await show({ seed: 1, cfg_scale: 1.3 });
  hosts[0]!.set('seed', 2);
  hosts[0]!.set('cfg_scale', 2);
  expect(model.save_changes).not.toHaveBeenCalled();
  await Promise.resolve();
  expect(model.save_changes).toHaveBeenCalledOnce();
});

test('a call takes along what was set a moment ago, unless it has changed since', async () => {
  vi.useFakeTimers();
  const { hosts, model, sent } = await show({ script: '', seed: 1, mode: 'turns' });
  const last = (): unknown => sent.at(-1)!['values'];
  const call = (): void => void hosts[0]!.channel.call('undo', {}).catch(() => undefined);
  call();
  expect(last()).toBeUndefined();
  hosts[0]!.set('script', 'Anna: Hello.');
  hosts[0]!.set('seed', 2);
  model.set('seed', 3); // the kernel's word
  call();
  expect(last()).toEqual({ script: 'Anna: Hello.' });
  vi.advanceTimersByTime(6_000);
  call();
  expect(last()).toBeUndefined();
  hosts[0]!.channel.close();
  vi.useRealTimers();
});

test('keys stay inside, as long as the view is there', async () => {
  const { roots, clear, unmounted } = await show({});
  const outside = vi.fn();
  document.body.append(roots[0]!);
  document.body.addEventListener('keydown', outside);
  roots[0]!.dispatchEvent(new KeyboardEvent('keydown', { key: 'a', bubbles: true }));
  expect(outside).not.toHaveBeenCalled();
  clear[0]!();
  expect(unmounted).toHaveBeenCalledOnce();
  document.body.removeEventListener('keydown', outside);
});

test('a lost connection and the end of the model fail the calls', async () => {
  const { hosts, listeners, stop } = await show({});
  const first = hosts[0]!.channel.call('undo', {});
  for (const callback of listeners.get('comm_live_update')!) callback();
  await expect(first).rejects.toThrow(/restarted/);
  const second = hosts[0]!.channel.call('undo', {});
  stop();
  await expect(second).rejects.toThrow(/restarted/);
  expect(listeners.get('comm_live_update')).toEqual([]);
});
