/** A/B comparison of two takes: in sync, blind on request; the preferred take becomes the chosen one. */

import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { Disposers } from '../ui/disposers';
import { button, check, type Failures, relabel } from '../ui/elements';
import { clock, span } from '../ui/format';
import { fetchAudio } from '../ui/pcm';
import type { TakeState } from '../host/traits';
import { t } from '../strings';
import { ABPlayer } from './ab_player';
import { label, pair, reveal, type Letter, type Pairing } from './blind';

const LETTERS = ['A', 'B'] as const;

export class Comparison {
  readonly element: HTMLElement;
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  readonly button = button({
    label: t('takes.compare_button'),
    icon: 'compare',
    size: 'small',
    title: t('takes.compare_hint'),
    onclick: () => this.open(this.element.hidden),
  });
  private turn = '';
  private takes: readonly TakeState[] = [];
  private picks: [string, string] = ['', ''];
  private pairing: Pairing = pair('', '', false);
  private player: ABPlayer | null = null;
  private context: AudioContext | null = null;
  private loading = 0;

  private readonly blind = check(t('takes.blind'), () => this.restart());
  private readonly selects = LETTERS.map((letter, at) => {
    const onchange = (): void => this.pick(at as 0 | 1);
    return h('select', { class: 'vvnb-select', 'aria-label': t('takes.take_for_letter', { letter }), onchange });
  });
  private readonly choosing = h(
    'div',
    { class: 'vvnb-compare-picks' },
    this.selects[0],
    h('span', { class: 'vvnb-hint' }, t('takes.and')),
    this.selects[1],
  );
  private readonly toggle = button({
    label: t('takes.play_both'),
    icon: 'play',
    bare: true,
    kind: 'primary',
    onclick: () => void this.playPause(),
  });
  private readonly letters = LETTERS.map((letter, at) =>
    button({ label: letter, pressed: false, onclick: () => this.switchTo(at as 0 | 1) }),
  );
  private readonly position = h('input', {
    type: 'range',
    class: 'vvnb-slider',
    min: 0,
    max: 1,
    step: 0.01,
    value: 0,
    'aria-label': t('takes.position'),
    oninput: () => this.player?.seek(Number(this.position.value)),
  });
  private readonly time = h('span', { class: 'vvnb-hint vvnb-compare-time' });
  private readonly preferences = LETTERS.map((letter) =>
    button({ label: t('takes.prefer', { letter }), icon: 'check', size: 'small', onclick: () => this.prefer(letter) }),
  );
  private readonly revealing = button({
    label: t('takes.reveal'),
    size: 'small',
    onclick: () => this.setPairing(reveal(this.pairing)),
  });
  private readonly again = button({
    label: t('takes.shuffle_again'),
    size: 'small',
    kind: 'quiet',
    onclick: () => this.restart(),
  });
  /** Words of each take, if they differ. */
  private readonly texts = h('dl', { class: 'vvnb-facts vvnb-compare-texts' });
  private readonly verdict = h('p', { class: 'vvnb-hint vvnb-slot', 'aria-live': 'polite' });

  constructor(
    private readonly host: Host,
    private readonly failures: Failures,
  ) {
    const row = (...children: HTMLElement[]): HTMLElement =>
      h('div', { class: 'vvnb-row', 'data-nowrap': true }, ...children);
    const close = button({
      label: t('takes.close_comparison'),
      icon: 'close',
      bare: true,
      kind: 'quiet',
      size: 'small',
      onclick: () => this.open(false),
    });
    this.disposers.add(
      () => this.unload(),
      () => void this.context?.close(),
    );
    this.button.setAttribute('aria-expanded', 'false');
    this.element = h(
      'div',
      {
        class: 'vvnb-compare',
        role: 'group',
        'aria-label': t('takes.compare_two'),
        hidden: true,
        onkeydown: (event) => this.key(event),
      },
      row(h('h4', null, t('takes.compare')), h('span', { class: 'vvnb-grow' }), this.blind.element, close),
      this.choosing,
      row(this.toggle, h('div', { class: 'vvnb-letters' }, ...this.letters), this.position, this.time),
      this.texts,
      h('div', { class: 'vvnb-row' }, ...this.preferences, this.revealing, this.again),
      this.verdict,
      h('p', { class: 'vvnb-hint vvnb-keys' }, ...withKeys(t('takes.keys'))),
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
    const options = takes.map((take, index): [string, string] => {
      const values = { n: index + 1, length: span(take.seconds) };
      return [take.id, take.id === chosen ? t('takes.chosen_option', values) : t('takes.option', values)];
    });
    for (const select of this.selects)
      select.replaceChildren(...options.map(([value, text]) => h('option', { value }, text)));
    if (takes.length < 2) this.element.hidden = true;
    this.button.setAttribute('aria-expanded', String(!this.element.hidden));
    this.restart();
  }

  private open(on: boolean): void {
    this.element.hidden = !on;
    this.button.setAttribute('aria-expanded', String(on));
    if (on) this.restart();
    else this.unload();
    (on ? this.toggle : this.button).focus();
  }

  private pick(at: 0 | 1): void {
    this.picks[at] = this.selects[at]!.value;
    if (this.picks[0] === this.picks[1])
      this.picks[1 - at] = this.takes.find((take) => take.id !== this.picks[at])?.id ?? '';
    this.restart();
  }

  private restart(): void {
    this.unload();
    this.verdict.textContent = '';
    this.setPairing(pair(...this.picks, this.blind.input.checked));
  }

  private setPairing(pairing: Pairing): void {
    this.pairing = pairing;
    this.draw();
  }

  private unload(): void {
    this.loading += 1;
    this.player?.dispose();
    this.player = null;
  }

  private async playPause(): Promise<void> {
    if (this.player?.playing) return this.player.pause();
    if (!this.player) {
      const loading = (this.loading += 1);
      const context = (this.context ??= new AudioContext()); // created in the click, or the browser blocks audio
      await this.failures.during(async () => {
        const { A, B } = this.pairing.takes;
        const audio = await Promise.all([fetchAudio(this.host, `take:${A}`), fetchAudio(this.host, `take:${B}`)]);
        if (loading === this.loading) this.player = new ABPlayer(context, audio, () => this.draw());
      });
      if (loading !== this.loading) return;
    }
    this.player?.play();
    this.tick();
  }

  private switchTo(which: 0 | 1): void {
    if (this.player) this.player.switchTo(which);
    else void this.playPause().then(() => this.player?.switchTo(which));
  }

  private prefer(letter: Letter): void {
    const take = this.pairing.takes[letter];
    this.setPairing(reveal(this.pairing));
    this.verdict.textContent = t('takes.verdict', { letter, n: this.numberOf(take) });
    void this.failures.during(() => this.host.channel.call('choose_take', { turn: this.turn, take }));
  }

  private numberOf(id: string): number {
    return this.takes.findIndex((take) => take.id === id) + 1;
  }

  private readonly tick = (): void => {
    if (!this.player?.playing) return;
    this.position.value = String(this.player.position);
    this.time.textContent = clock(this.player.position, true);
    requestAnimationFrame(this.tick);
  };

  private draw(): void {
    const { player, pairing } = this;
    const nameOf = (letter: Letter, take: string): string => t('takes.revealed', { letter, n: this.numberOf(take) });
    this.letters.forEach((letter, at) => {
      letter.textContent = label(pairing, LETTERS[at]!, nameOf);
      letter.setAttribute('aria-pressed', String(at === player?.active));
    });
    if (player?.playing) relabel(this.toggle, t('common.pause'), 'pause');
    else relabel(this.toggle, t('takes.play_both'), 'play');
    this.position.max = String(player?.seconds ?? 1);
    this.position.value = String(player?.position ?? 0);
    this.time.textContent = clock(player?.position ?? 0, true);
    this.choosing.hidden = !pairing.revealed;
    this.revealing.hidden = pairing.revealed;
    this.again.hidden = !pairing.blind || !pairing.revealed;
    this.selects.forEach((select, at) => (select.value = this.picks[at]!));
    const [a, b] = LETTERS.map((letter) => this.takes.find(({ id }) => id === pairing.takes[letter])?.text ?? '');
    this.texts.hidden = a === b;
    this.texts.replaceChildren(...LETTERS.flatMap((letter, at) => [h('dt', null, letter), h('dd', null, [a, b][at])]));
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    const field = (event.target as HTMLElement).closest('select, button, input[type="checkbox"]');
    if (key === 'a' || key === 'b') this.switchTo(key === 'a' ? 0 : 1);
    else if (key === ' ' && !field) void this.playPause();
    else if (key === 'escape') this.open(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** Text with `keys` in backticks as keyboard keys. */
const withKeys = (text: string): (Node | string)[] =>
  text.split('`').map((part, index) => (index % 2 ? h('kbd', null, part) : part));
