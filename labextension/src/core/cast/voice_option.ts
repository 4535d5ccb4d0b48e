/** Card of one voice in the gallery: name, two words, waveform; it shows what is played and the state of the line. */

import { h } from '../ui/dom';
import { freshId } from '../ui/elements';
import { SAMPLE_RATE, span } from '../ui/format';
import { icon } from '../ui/icons';
import { waveform, type Waveform } from '../ui/waveform';
import type { Host } from '../host/host';
import { t } from '../strings';
import { soundOf, type VoiceEntry } from './voice_entries';

export interface OptionActions {
  choose(entry: VoiceEntry): void;
  toggle(entry: VoiceEntry): void;
  enter(entry: VoiceEntry): void;
  leave(): void;
}

export class VoiceOption {
  readonly element: HTMLElement;
  private readonly wave: Waveform;
  // A picture, not a control: an option may not contain one. Space does the same.
  private readonly play_: HTMLElement;
  private readonly words = h('span', { class: 'vvnb-hint vvnb-ellipsis' });
  private readonly state = h('span', { class: 'vvnb-hint vvnb-gallery-state' });
  private shown = '';
  private sound = '';

  constructor(
    host: Host,
    private entry: VoiceEntry,
    actions: OptionActions,
  ) {
    this.wave = waveform(host, '--vvnb-accent', 60);
    this.play_ = h('span', { class: 'vvnb-gallery-play', 'aria-hidden': 'true', title: t('cast.play_voice_hint') });
    this.element = h(
      'div',
      {
        class: 'vvnb-gallery-voice',
        role: 'option',
        id: freshId('voice'),
        onclick: (event) =>
          this.play_.contains(event.target as Node) ? actions.toggle(this.entry) : actions.choose(this.entry),
        onpointerenter: (event) => event.pointerType === 'mouse' && actions.enter(this.entry),
        onpointerleave: () => actions.leave(),
      },
      this.play_,
      h(
        'span',
        { class: 'vvnb-gallery-text' },
        h('strong', { class: 'vvnb-ellipsis' }, entry.name),
        h('span', { class: 'vvnb-gallery-words' }, this.words, this.state),
      ),
      h('span', { class: 'vvnb-gallery-wave' }, this.wave.element),
    );
    this.play(false);
    this.update(entry);
  }

  readonly dispose = (): void => this.wave.dispose();

  update(entry: VoiceEntry): void {
    this.entry = entry;
    const key = JSON.stringify(entry);
    if (key === this.shown) return;
    this.shown = key;
    this.element.setAttribute('aria-selected', String(entry.chosen));
    this.element.title = entry.fits ? entry.description : t('cast.misfit_hint');
    this.element.setAttribute('aria-disabled', String(!entry.fits));
    this.words.textContent = entry.words || span(entry.seconds);
    this.state.textContent = this.state.title = stateText(entry);
    this.state.dataset['state'] = entry.line?.state ?? '';
    const seconds = entry.line?.source ? entry.line.seconds : entry.seconds;
    if (soundOf(entry) === this.sound) return;
    this.sound = soundOf(entry);
    this.wave.show(this.sound, Math.round(seconds * SAMPLE_RATE));
  }

  activate(on: boolean): void {
    this.element.toggleAttribute('data-active', on);
  }

  /** Show whether this voice is played. */
  play(on: boolean): void {
    this.element.toggleAttribute('data-playing', on);
    this.play_.replaceChildren(icon(on ? 'stop' : 'play'));
  }
}

/** State of the speaker's line in a voice: its length, or why there is none. */
function stateText({ line, fits, kind, prompt }: VoiceEntry): string {
  if (!fits) return prompt ? t('cast.misfit_prompt') : t(kind === 'built-in' ? 'cast.misfit' : 'cast.misfit_recording');
  if (!line) return '';
  if (line.state === 'failed') return line.message;
  if (line.state === 'finished') return t('cast.line_length', { length: span(line.seconds) });
  return line.state === 'speaking' ? t('cast.line_speaking') : line.state === 'waiting' ? t('cast.line_waiting') : '';
}
