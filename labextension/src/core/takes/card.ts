/** One take. */

import { h } from '../dom';
import type { Bus, Host } from '../host';
import { badge, button, type Failures } from '../kit/elements';
import { icon } from '../kit/icons';
import { SAMPLE_RATE, span } from '../kit/format';
import { waveform } from '../kit/waveform';
import type { TakeState } from '../state';

export interface ShownTake {
  take: TakeState;
  number: number;
  chosen: boolean;
  readOnly: boolean;
}

const ENDS: Record<string, string> = { cancelled: 'stopped early', length: 'cut at the limit' };

export function takeCard(host: Host, bus: Bus, group: string, failures: Failures, deleted: (words: string) => void) {
  let shown: ShownTake | null = null;
  const call = host.channel.call.bind(host.channel);
  const choose = h('input', {
    type: 'radio',
    name: group,
    onchange: () => shown && void failures.during(() => call('choose_take', { turn: shown!.take.turn, take: shown!.take.id })),
  });
  const name = h('span', { class: 'vvnb-take-name' });
  const play = button({
    label: 'Play this take',
    icon: 'play',
    bare: true,
    size: 'small',
    onclick: () => shown && bus.emit('audition', { source: `take:${shown.take.id}`, autoplay: true }),
  });
  const star = button({
    label: 'Star',
    icon: 'star',
    bare: true,
    size: 'small',
    kind: 'quiet',
    pressed: false,
    onclick: () => shown && void failures.during(() => call('star_take', { take: shown!.take.id, starred: !shown!.take.starred })),
  });
  const remove = button({
    label: 'Delete this take',
    icon: 'trash',
    bare: true,
    size: 'small',
    kind: 'quiet',
    onclick: () => {
      if (!shown) return;
      const words = `Take ${shown.number} deleted.`;
      void failures.during(() => call('delete_take', { take: shown!.take.id })).then((went) => went && deleted(words));
    },
  });
  const wave = waveform(host, '--speaker-ink', 160);
  const facts = h('dl', { class: 'vvnb-facts' });
  const marks = h('div', { class: 'vvnb-row', 'data-tight': true });
  const element = h(
    'div',
    { class: 'vvnb-card vvnb-take' },
    h('div', { class: 'vvnb-row', 'data-nowrap': true }, h('label', { class: 'vvnb-row vvnb-grow', 'data-nowrap': true }, choose, name), star, remove),
    h('div', { class: 'vvnb-row', 'data-nowrap': true }, play, h('div', { class: 'vvnb-take-wave' }, wave.element)),
    facts,
    marks,
  );
  let before = '';
  return {
    element,
    update(next: ShownTake): void {
      const now = JSON.stringify(next);
      if (now === before) return;
      before = now;
      const first = shown === null;
      shown = next;
      const { take, number, chosen, readOnly } = next;
      element.toggleAttribute('data-chosen', chosen);
      choose.checked = chosen;
      name.textContent = `Take ${number}`;
      play.setAttribute('aria-label', `Play take ${number}`);
      remove.setAttribute('aria-label', `Delete take ${number}`);
      star.setAttribute('aria-label', `Star take ${number}`);
      star.setAttribute('aria-pressed', String(take.starred));
      star.title = take.starred ? 'Remove the star' : 'Star: remember this one';
      star.replaceChildren(icon('star', take.starred));
      choose.disabled = star.disabled = remove.disabled = readOnly;
      facts.replaceChildren(...factsOf(take));
      marks.replaceChildren(...marksOf(next));
      marks.hidden = !marks.childElementCount;
      if (first) wave.show(`take:${take.id}`, Math.round(take.seconds * SAMPLE_RATE));
    },
    redraw: wave.redraw,
    dispose: wave.dispose,
  };
}

function factsOf(take: TakeState): HTMLElement[] {
  const facts: [string, string | null][] = [
    ['Length', span(take.seconds)],
    ['Seed', take.seed === null ? null : String(take.seed)],
    ['Steps', take.num_steps === null ? null : String(take.num_steps)],
    ['CFG', take.cfg_scale === null ? null : take.cfg_scale.toFixed(1)],
    ['RTF', take.rtf === null ? null : take.rtf.toFixed(2)],
    ['Model', take.model.split('/').at(-1) || null],
  ];
  return facts.flatMap(([word, value]) => (value === null ? [] : [h('div', null, h('dt', null, word), h('dd', { title: value }, value))]));
}

function marksOf({ take, chosen }: ShownTake): HTMLElement[] {
  const marks = [];
  if (chosen) marks.push(badge('chosen', 'accent'));
  if (take.context_changed) marks.push(badge('context changed', 'warning', 'It was spoken after other takes than are chosen now'));
  if (ENDS[take.ended]) marks.push(badge(ENDS[take.ended], 'warning'));
  return marks;
}
