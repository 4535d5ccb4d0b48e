/** Two takes against each other: heard from the same place, blind if wished, the better one chosen. */

import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { button, check, type Failures, relabel } from '../ui/elements';
import { clock } from '../ui/format';
import { fetchAudio } from '../ui/pcm';
import type { TakeState } from '../host/traits';
import { pair, reveal, title, type Letter, type Pairing } from './blind';
import { Duet } from './ab_player';

const LETTERS = ['A', 'B'] as const;

export class Comparison {
  readonly element: HTMLElement;
  readonly button = button({
    label: 'Compare A/B',
    icon: 'compare',
    size: 'small',
    title: 'Hear two takes in turn, from the same place',
    onclick: () => this.open(this.element.hidden),
  });
  private turn = '';
  private takes: readonly TakeState[] = [];
  private picks: [string, string] = ['', ''];
  private pairing: Pairing = pair('', '', false);
  private duet: Duet | null = null;
  private context: AudioContext | null = null;
  private loading = 0;

  private readonly blind = check('Blind: hide which is which', () => this.restart());
  private readonly selects = LETTERS.map((letter, at) => {
    const onchange = (): void => this.pick(at as 0 | 1);
    return h('select', { class: 'vvnb-select', 'aria-label': `Take compared as ${letter}`, onchange });
  });
  private readonly choosing = h(
    'div',
    { class: 'vvnb-compare-picks' },
    this.selects[0],
    h('span', { class: 'vvnb-hint' }, 'and'),
    this.selects[1],
  );
  private readonly toggle = button({
    label: 'Play both',
    icon: 'play',
    bare: true,
    kind: 'primary',
    onclick: () => void this.playPause(),
  });
  private readonly letters = LETTERS.map((letter, at) =>
    button({ label: letter, pressed: false, onclick: () => this.hear(at as 0 | 1) }),
  );
  private readonly position = h('input', {
    type: 'range',
    class: 'vvnb-slider',
    min: 0,
    max: 1,
    step: 0.01,
    value: 0,
    'aria-label': 'Position',
    oninput: () => this.duet?.seek(Number(this.position.value)),
  });
  private readonly time = h('span', { class: 'vvnb-hint vvnb-compare-time' });
  private readonly preferences = LETTERS.map((letter) =>
    button({ label: `Prefer ${letter}`, icon: 'check', size: 'small', onclick: () => this.prefer(letter) }),
  );
  private readonly revealing = button({
    label: 'Reveal',
    size: 'small',
    onclick: () => this.become(reveal(this.pairing)),
  });
  private readonly again = button({
    label: 'Shuffle again',
    size: 'small',
    kind: 'quiet',
    onclick: () => this.restart(),
  });
  private readonly verdict = h('p', { class: 'vvnb-hint vvnb-slot', 'aria-live': 'polite' });

  constructor(
    private readonly host: Host,
    private readonly failures: Failures,
  ) {
    const row = (...children: HTMLElement[]): HTMLElement =>
      h('div', { class: 'vvnb-row', 'data-nowrap': true }, ...children);
    const close = button({
      label: 'Close the comparison',
      icon: 'close',
      bare: true,
      kind: 'quiet',
      size: 'small',
      onclick: () => this.open(false),
    });
    const keys = [
      h('kbd', null, 'A'),
      ' and ',
      h('kbd', null, 'B'),
      ' change over at the same place, ',
      h('kbd', null, 'Space'),
      ' plays and pauses.',
    ];
    this.button.setAttribute('aria-expanded', 'false');
    this.element = h(
      'div',
      {
        class: 'vvnb-compare',
        role: 'group',
        'aria-label': 'Compare two takes',
        hidden: true,
        onkeydown: (event) => this.key(event),
      },
      row(h('h4', null, 'Compare'), h('span', { class: 'vvnb-grow' }), this.blind.element, close),
      this.choosing,
      row(this.toggle, h('div', { class: 'vvnb-letters' }, ...this.letters), this.position, this.time),
      h('div', { class: 'vvnb-row' }, ...this.preferences, this.revealing, this.again),
      this.verdict,
      h('p', { class: 'vvnb-hint vvnb-keys' }, ...keys),
    );
  }

  show(turn: string, takes: readonly TakeState[], chosen: string | null, readOnly: boolean): void {
    const ids = (list: readonly TakeState[]): string => list.map((take) => take.id).join();
    const same = this.turn === turn && ids(this.takes) === ids(takes);
    this.takes = takes;
    this.button.disabled = takes.length < 2;
    for (const one of this.preferences) one.disabled = readOnly;
    if (same) return this.draw();
    this.turn = turn;
    const first = takes.find((take) => take.id === chosen) ?? takes[0];
    this.picks = [first?.id ?? '', takes.filter((take) => take.id !== first?.id).at(-1)?.id ?? ''];
    const name = (take: TakeState, at: number): string =>
      `Take ${at + 1}, seed ${take.seed ?? '?'}${take.id === chosen ? ' (chosen)' : ''}`;
    for (const select of this.selects)
      select.replaceChildren(...takes.map((take, at) => h('option', { value: take.id }, name(take, at))));
    if (takes.length < 2) this.element.hidden = true;
    this.button.setAttribute('aria-expanded', String(!this.element.hidden));
    this.restart();
  }

  dispose(): void {
    this.silence();
    void this.context?.close();
  }

  private open(on: boolean): void {
    this.element.hidden = !on;
    this.button.setAttribute('aria-expanded', String(on));
    if (on) this.restart();
    else this.silence();
    (on ? this.toggle : this.button).focus();
  }

  private pick(at: 0 | 1): void {
    this.picks[at] = this.selects[at]!.value;
    if (this.picks[0] === this.picks[1])
      this.picks[1 - at] = this.takes.find((take) => take.id !== this.picks[at])?.id ?? '';
    this.restart();
  }

  private restart(): void {
    this.silence();
    this.verdict.textContent = '';
    this.become(pair(...this.picks, this.blind.input.checked));
  }

  private become(pairing: Pairing): void {
    this.pairing = pairing;
    this.draw();
  }

  private silence(): void {
    this.loading += 1;
    this.duet?.dispose();
    this.duet = null;
  }

  private async playPause(): Promise<void> {
    if (this.duet?.playing) return this.duet.pause();
    if (!this.duet) {
      const mine = (this.loading += 1);
      const context = (this.context ??= new AudioContext()); // within the click, or the browser won't let it sound
      await this.failures.during(async () => {
        const { A, B } = this.pairing.takes;
        const audio = await Promise.all([fetchAudio(this.host, `take:${A}`), fetchAudio(this.host, `take:${B}`)]);
        if (mine === this.loading) this.duet = new Duet(context, audio, () => this.draw());
      });
      if (mine !== this.loading) return;
    }
    this.duet?.play();
    this.tick();
  }

  private hear(which: 0 | 1): void {
    if (this.duet) this.duet.switchTo(which);
    else void this.playPause().then(() => this.duet?.switchTo(which));
  }

  private prefer(letter: Letter): void {
    const take = this.pairing.takes[letter];
    this.become(reveal(this.pairing));
    this.verdict.textContent = `${letter} is ${this.nameOf(take)}, now chosen.`;
    void this.failures.during(() => this.host.channel.call('choose_take', { turn: this.turn, take }));
  }

  private readonly nameOf = (id: string): string => `take ${this.takes.findIndex((take) => take.id === id) + 1}`;

  private readonly tick = (): void => {
    if (!this.duet?.playing) return;
    this.position.value = String(this.duet.position);
    this.time.textContent = clock(this.duet.position, true);
    requestAnimationFrame(this.tick);
  };

  private draw(): void {
    const { duet, pairing } = this;
    this.letters.forEach((letter, at) => {
      letter.textContent = title(pairing, LETTERS[at]!, this.nameOf);
      letter.setAttribute('aria-pressed', String(at === duet?.heard));
    });
    relabel(this.toggle, duet?.playing ? 'Pause' : 'Play both', duet?.playing ? 'pause' : 'play');
    this.position.max = String(duet?.seconds ?? 1);
    this.position.value = String(duet?.position ?? 0);
    this.time.textContent = clock(duet?.position ?? 0, true);
    this.choosing.hidden = !pairing.revealed;
    this.revealing.hidden = pairing.revealed;
    this.again.hidden = !pairing.blind || !pairing.revealed;
    this.selects.forEach((select, at) => (select.value = this.picks[at]!));
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    const field = (event.target as HTMLElement).closest('select, button, input[type="checkbox"]');
    if (key === 'a' || key === 'b') this.hear(key === 'a' ? 0 : 1);
    else if (key === ' ' && !field) void this.playPause();
    else if (key === 'escape') this.open(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
