/** Two takes against each other: heard from the same place, blind if wished, the better one chosen. */

import { h } from '../dom';
import type { Host } from '../host';
import { button, check, type Failures, relabel } from '../kit/elements';
import { clock } from '../kit/format';
import { fetchAudio } from '../kit/pcm';
import type { TakeState } from '../state';
import { pair, reveal, title, type Letter, type Pairing } from './blind';
import { Duet } from './duet';

export interface Comparison {
  button: HTMLButtonElement;
  element: HTMLElement;
  show(turn: string, takes: readonly TakeState[], chosen: string | null, readOnly: boolean): void;
  dispose(): void;
}

const LETTERS = ['A', 'B'] as const;

export function comparison(host: Host, failures: Failures): Comparison {
  let turn = '';
  let takes: readonly TakeState[] = [];
  let picks: [string, string] = ['', ''];
  let pairing: Pairing = pair('', '', false);
  let duet: Duet | null = null;
  let context: AudioContext | null = null;
  let loading = 0;
  let frozen = false;

  const nameOf = (id: string): string => `take ${takes.findIndex((take) => take.id === id) + 1}`;
  const selects = LETTERS.map((letter, at) => {
    const select = h('select', { class: 'vvnb-select', 'aria-label': `Take compared as ${letter}` });
    select.addEventListener('change', () => {
      picks[at] = select.value;
      if (picks[0] === picks[1]) picks[1 - at] = takes.find((take) => take.id !== select.value)?.id ?? '';
      restart();
    });
    return select;
  });
  const blind = check('Blind: hide which is which', () => restart());
  const toggle = button({ label: 'Play both', icon: 'play', bare: true, kind: 'primary', onclick: () => void playPause() });
  const letters = LETTERS.map((letter, at) => button({ label: letter, pressed: false, onclick: () => hear(at as 0 | 1) }));
  const position = h('input', { type: 'range', class: 'vvnb-slider', min: 0, max: 1, step: 0.01, value: 0, 'aria-label': 'Position' });
  position.addEventListener('input', () => duet?.seek(Number(position.value)));
  const time = h('span', { class: 'vvnb-hint vvnb-compare-time' }, '0:00.0');
  const prefer = LETTERS.map((letter) => button({ label: `Prefer ${letter}`, icon: 'check', size: 'small', onclick: () => choose(letter) }));
  const show = button({ label: 'Reveal', size: 'small', onclick: () => setPairing(reveal(pairing)) });
  const again = button({ label: 'Shuffle again', size: 'small', kind: 'quiet', onclick: () => restart() });
  const verdict = h('p', { class: 'vvnb-hint vvnb-slot', 'aria-live': 'polite' });
  const close = button({ label: 'Close the comparison', icon: 'close', bare: true, kind: 'quiet', size: 'small', onclick: () => open(false) });
  const choosing = h('div', { class: 'vvnb-compare-picks' }, selects[0]!, h('span', { class: 'vvnb-hint' }, 'and'), selects[1]!);
  const element = h(
    'div',
    { class: 'vvnb-compare', role: 'group', 'aria-label': 'Compare two takes', hidden: true },
    h('div', { class: 'vvnb-row', 'data-nowrap': true }, h('h4', null, 'Compare'), h('span', { class: 'vvnb-grow' }), blind.element, close),
    choosing,
    h('div', { class: 'vvnb-row', 'data-nowrap': true }, toggle, h('div', { class: 'vvnb-letters' }, ...letters), position, time),
    h('div', { class: 'vvnb-row' }, ...prefer, show, again),
    verdict,
    h('p', { class: 'vvnb-hint vvnb-keys' }, h('kbd', null, 'A'), ' and ', h('kbd', null, 'B'), ' change over at the same place, ', h('kbd', null, 'Space'), ' plays and pauses.'),
  );
  const opener = button({
    label: 'Compare A/B',
    icon: 'compare',
    size: 'small',
    title: 'Hear two takes in turn, from the same place',
    onclick: () => open(element.hidden),
  });
  opener.setAttribute('aria-expanded', 'false');

  const open = (on: boolean): void => {
    element.hidden = !on;
    opener.setAttribute('aria-expanded', String(on));
    if (on) {
      restart();
      toggle.focus();
    } else {
      silence();
      opener.focus();
    }
  };
  const silence = (): void => {
    loading += 1;
    duet?.dispose();
    duet = null;
  };
  const restart = (): void => {
    silence();
    verdict.textContent = '';
    setPairing(pair(picks[0], picks[1], blind.input.checked));
  };
  const setPairing = (next: Pairing): void => {
    pairing = next;
    draw();
  };
  const playPause = async (): Promise<void> => {
    if (duet?.playing) return duet.pause();
    if (!duet) {
      const mine = (loading += 1);
      context ??= new AudioContext(); // within the click, or the browser won't let it sound
      const went = await failures.during(async () => {
        const audio = await Promise.all([fetchAudio(host, `take:${pairing.takes.A}`), fetchAudio(host, `take:${pairing.takes.B}`)]);
        if (mine === loading) duet = new Duet(context!, audio, draw);
      });
      if (!went || mine !== loading) return;
    }
    duet?.play();
    tick();
  };
  const hear = (which: 0 | 1): void => {
    if (duet) duet.switchTo(which);
    else void playPause().then(() => duet?.switchTo(which));
  };
  const choose = (letter: Letter): void => {
    const take = pairing.takes[letter];
    setPairing(reveal(pairing));
    verdict.textContent = `${letter} is ${nameOf(take)}, now chosen.`;
    void failures.during(() => host.channel.call('choose_take', { turn, take }));
  };
  const tick = (): void => {
    if (!duet?.playing) return;
    position.value = String(duet.position);
    time.textContent = clock(duet.position, true);
    requestAnimationFrame(tick);
  };
  const draw = (): void => {
    const heard = duet?.heard ?? 0;
    letters.forEach((letter, at) => {
      letter.textContent = title(pairing, LETTERS[at]!, nameOf);
      letter.setAttribute('aria-pressed', String(at === heard && duet !== null));
    });
    relabel(toggle, duet?.playing ? 'Pause' : 'Play both', duet?.playing ? 'pause' : 'play');
    position.max = String(duet?.seconds ?? 1);
    position.value = String(duet?.position ?? 0);
    time.textContent = clock(duet?.position ?? 0, true);
    choosing.hidden = !pairing.revealed;
    show.hidden = pairing.revealed;
    again.hidden = !pairing.blind || !pairing.revealed;
    for (const one of prefer) one.disabled = frozen;
    selects.forEach((select, at) => (select.value = picks[at]!));
  };
  element.addEventListener('keydown', (event) => {
    const key = event.key.toLowerCase();
    const field = (event.target as HTMLElement).closest('select, button, input[type="checkbox"]');
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (key === 'a' || key === 'b') hear(key === 'a' ? 0 : 1);
    else if (key === ' ' && !field) void playPause();
    else if (key === 'escape') open(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  return {
    button: opener,
    element,
    show(nextTurn, nextTakes, chosen, readOnly) {
      const same = turn === nextTurn && takes.map((take) => take.id).join() === nextTakes.map((take) => take.id).join();
      frozen = readOnly;
      takes = nextTakes;
      opener.disabled = takes.length < 2;
      if (same) return draw();
      turn = nextTurn;
      if (takes.length < 2) element.hidden = true;
      const first = takes.find((take) => take.id === chosen) ?? takes[0];
      const second = takes.filter((take) => take.id !== first?.id).at(-1);
      picks = [first?.id ?? '', second?.id ?? ''];
      for (const select of selects) {
        select.replaceChildren(...takes.map((take, at) => h('option', { value: take.id }, `Take ${at + 1}, seed ${take.seed ?? '?'}${take.id === chosen ? ' (chosen)' : ''}`)));
      }
      opener.setAttribute('aria-expanded', String(!element.hidden));
      restart();
    },
    dispose() {
      silence();
      void context?.close();
    },
  };
}
