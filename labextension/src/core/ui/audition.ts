/** Audition bar: plays one source at a time where there is no player. */

import { h } from './dom';
import type { Bus, Host } from '../host/host';
import { t } from '../strings';
import { Disposers } from './disposers';
import { button, Failures } from './elements';
import { clock } from './format';
import { bufferOf, fetchAudio } from './pcm';

export function mountAudition(root: HTMLElement, host: Host, bus: Bus): () => void {
  const failures = new Failures();
  const name = h('span', { class: 'vvnb-ellipsis' });
  const time = h('span', { class: 'vvnb-hint' });
  const stop = button({ label: t('common.stop'), icon: 'stop', size: 'small', onclick: () => halt() });
  const bar = h(
    'div',
    { class: 'vvnb-audition', hidden: true, role: 'status' },
    h('div', { class: 'vvnb-row', 'data-nowrap': true }, stop, name, time),
  );
  root.append(bar, failures.element);
  let context: AudioContext | null = null;
  let source: AudioBufferSourceNode | null = null;
  let run = 0;

  const halt = (): void => {
    run += 1;
    source?.stop();
    source?.disconnect();
    source = null;
    bar.hidden = true;
  };
  const play = async (wanted: string): Promise<void> => {
    halt();
    const mine = run;
    context ??= new AudioContext(); // within the click, or the browser blocks it
    void context.resume();
    const audio = await fetchAudio(host, wanted);
    if (mine !== run) return;
    source = context.createBufferSource();
    source.buffer = bufferOf(context, audio);
    source.connect(context.destination);
    source.onended = () => mine === run && halt();
    source.start();
    const began = context.currentTime;
    name.textContent = wanted.replace(/^\w+:/, '');
    bar.hidden = false;
    const tick = (): void => {
      if (mine !== run || !source || !context) return;
      time.textContent = `${clock(context.currentTime - began)} / ${clock(source.buffer!.duration)}`;
      requestAnimationFrame(tick);
    };
    tick();
  };
  const disposers = new Disposers();
  disposers.add(
    bus.on('audition', ({ source: wanted }) => void failures.during(() => play(wanted))),
    halt,
    () => void context?.close(),
    () => bar.remove(),
    () => failures.element.remove(),
  );
  return disposers.dispose;
}
