/**
 * Gallery of voices: a popover with a card for each voice. A card plays while the pointer rests on it, or with Space;
 * Enter or a click chooses it. "Hear the first line" has the kernel speak the speaker's line in every voice.
 */

import { freshId, Failures } from '../ui/elements';
import { h } from '../ui/dom';
import { popover, type Popover } from '../ui/popover';
import { fetchAudio } from '../ui/pcm';
import { SourcePlayer } from '../ui/source_player';
import { Disposers } from '../ui/disposers';
import { Keyed, watch } from '../ui/watch';
import type { Host } from '../host/host';
import type { Speaker } from '../host/traits';
import { t } from '../strings';
import { AuditionBar } from './audition_bar';
import { VoiceOption } from './voice_option';
import { entriesOf, GROUPS, matching, SEARCH_FROM, soundOf, type EntryGroup, type VoiceEntry } from './voice_entries';

/** Milliseconds that the pointer rests on a voice before it plays. */
const HOVER_MS = 350;

export interface GalleryActions {
  choose(voice: string): void;
  /** Buttons after the voices: record, upload. */
  more: () => Node[];
}

export class Gallery {
  private readonly panel: Popover;
  private readonly player: SourcePlayer;
  private readonly failures = new Failures();
  private open = new Disposers();
  private view: View | null = null;

  constructor(
    anchor: HTMLButtonElement,
    private readonly host: Host,
    private readonly label: string,
    private readonly actions: GalleryActions,
  ) {
    this.player = new SourcePlayer(
      (source) => fetchAudio(host, source),
      () => this.view?.showPlaying(this.player.source),
    );
    this.panel = popover(
      anchor,
      t('cast.voices_for', { speaker: label }),
      () => this.content(),
      () => this.closed(),
    );
  }

  readonly dispose = (): void => {
    this.closed();
    this.player.dispose();
  };

  close(): void {
    this.panel.close();
  }

  private get speaker(): Speaker | undefined {
    return this.host.get('speakers')?.find(({ label }) => label === this.label);
  }

  private content(): Node[] {
    this.closed();
    this.failures.clear();
    this.open = new Disposers();
    const bar = this.open.child(new AuditionBar(this.host, this.label, this.failures));
    const view = this.open.child(
      new View(this.host, this.label, {
        choose: (entry) => this.choose(entry),
        play: (entry) => this.play(soundOf(entry)),
        toggle: (entry) => (this.player.source === soundOf(entry) ? this.player.stop() : this.play(soundOf(entry))),
        stop: () => this.player.stop(),
      }),
    );
    this.view = view;
    const render = (): void => {
      const { speaker, host } = this;
      if (speaker)
        view.update(entriesOf(speaker, host.get('voices') ?? [], host.get('audition_state'), host.get('model_limits')));
    };
    this.open.add(watch(this.host, ['voices', 'speakers', 'audition_state', 'model_limits'], render));
    // Another page may have changed the library meanwhile.
    this.host.channel.call('list_voices', {}).catch(() => undefined);
    return [
      h(
        'div',
        { class: 'vvnb-gallery' },
        bar.element,
        view.search,
        view.list,
        view.empty,
        this.failures.element,
        h('div', { class: 'vvnb-row' }, ...this.actions.more()),
        h('p', { class: 'vvnb-hint' }, t('cast.gallery_keys')),
      ),
    ];
  }

  private closed(): void {
    this.open.dispose();
    this.view = null;
    this.player.stop();
  }

  private choose(entry: VoiceEntry): void {
    if (!entry.fits) return;
    this.close();
    if (!entry.chosen || !this.speaker?.voice) this.actions.choose(entry.name);
  }

  private play(source: string): void {
    if (!source) return;
    void this.failures.during(() => this.player.play(source));
  }
}

interface ViewActions {
  choose(entry: VoiceEntry): void;
  play(entry: VoiceEntry): void;
  toggle(entry: VoiceEntry): void;
  stop(): void;
}

/** The list box with its groups, and the search field above it. */
class View {
  readonly search = h('input', {
    class: 'vvnb-input',
    type: 'search',
    'aria-label': t('cast.search_voices'),
    placeholder: t('cast.search_voices'),
    oninput: () => this.render(),
    onkeydown: (event) => this.searchKey(event),
  });
  readonly list: HTMLElement;
  readonly empty = h('p', { class: 'vvnb-hint', role: 'status' });
  private readonly disposers = new Disposers();
  private readonly groups: Record<EntryGroup, { element: HTMLElement; options: Keyed<VoiceEntry, VoiceOption> }>;
  private entries: VoiceEntry[] = [];
  private shown: VoiceEntry[] = [];
  private active = '';
  private hover = 0;

  constructor(
    private readonly host: Host,
    label: string,
    private readonly actions: ViewActions,
  ) {
    this.groups = {
      own: this.group(t('cast.this_recording')),
      'built-in': this.group(t('cast.built_in')),
      library: this.group(t('cast.your_library')),
    };
    this.list = h(
      'div',
      {
        class: 'vvnb-gallery-list',
        role: 'listbox',
        tabindex: 0,
        'aria-label': t('cast.voices_for', { speaker: label }),
        autofocus: true,
        onkeydown: (event) => this.key(event),
        onpointerleave: () => this.leave(),
      },
      ...GROUPS.map((name) => this.groups[name].element),
    );
    this.disposers.add(() => clearTimeout(this.hover));
  }

  readonly dispose = (): void => {
    this.disposers.dispose();
    for (const name of GROUPS) this.groups[name].options.dispose();
  };

  update(entries: VoiceEntry[]): void {
    const first = !this.entries.length;
    this.entries = entries;
    if (first) this.active = entries.find((entry) => entry.chosen)?.key ?? entries[0]?.key ?? '';
    this.search.hidden = entries.length < SEARCH_FROM;
    this.render();
    if (first) this.options.get(this.active)?.element.scrollIntoView?.({ block: 'nearest' });
  }

  showPlaying(source: string): void {
    for (const entry of this.shown) this.options.get(entry.key)?.play(Boolean(source) && soundOf(entry) === source);
  }

  private group(title: string): { element: HTMLElement; options: Keyed<VoiceEntry, VoiceOption> } {
    const id = freshId('group');
    const items = h('div', { role: 'none', class: 'vvnb-gallery-group' });
    const element = h(
      'div',
      { role: 'group', 'aria-labelledby': id },
      h('div', { class: 'vvnb-gallery-title', id, role: 'presentation' }, title),
      items,
    );
    const options = new Keyed<VoiceEntry, VoiceOption>(
      items,
      (entry) => entry.key,
      (entry) =>
        new VoiceOption(this.host, entry, {
          choose: (one) => this.actions.choose(one),
          toggle: (one) => {
            this.activate(one.key);
            this.actions.toggle(one);
          },
          enter: (one) => this.enter(one),
          leave: () => this.leave(),
        }),
    );
    return { element, options };
  }

  private get options(): Map<string, VoiceOption> {
    const parts = this.shown.flatMap((entry) => {
      const part = this.groups[entry.group].options.get(entry.key);
      return part ? [[entry.key, part] as const] : [];
    });
    return new Map(parts);
  }

  private render(): void {
    this.shown = matching(this.entries, this.search.hidden ? '' : this.search.value);
    for (const name of GROUPS) {
      const part = this.shown.filter((entry) => entry.group === name);
      this.groups[name].element.hidden = !part.length;
      this.groups[name].options.update(part);
    }
    const none = this.shown.length ? '' : t('cast.no_voice_found');
    if (this.empty.textContent !== none) this.empty.textContent = none;
    this.activate(this.shown.some((entry) => entry.key === this.active) ? this.active : (this.shown[0]?.key ?? ''));
  }

  private activate(key: string): void {
    this.active = key;
    for (const [other, option] of this.options) {
      option.activate(other === key);
      if (other === key) this.list.setAttribute('aria-activedescendant', option.element.id);
    }
    if (!key) this.list.removeAttribute('aria-activedescendant');
  }

  private key(event: KeyboardEvent): void {
    const at = this.shown.findIndex((entry) => entry.key === this.active);
    const entry = this.shown[at];
    const last = this.shown.length - 1;
    const to = { ArrowDown: Math.min(at + 1, last), ArrowUp: Math.max(at - 1, 0), Home: 0, End: last }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Enter' && entry) this.actions.choose(entry);
    else if (event.key === ' ' && entry) this.actions.toggle(entry);
    else if (event.key === 'ArrowUp' && at <= 0 && !this.search.hidden) this.search.focus();
    else {
      const next = to === undefined ? this.named(event.key, at) : this.shown[to];
      if (!next) return;
      this.activate(next.key);
      this.options.get(next.key)?.element.scrollIntoView({ block: 'nearest' });
    }
    event.preventDefault();
    event.stopPropagation(); // Space plays the episode elsewhere in the Studio
  }

  /** The next voice after position `at` whose name begins with a letter. */
  private named(letter: string, at: number): VoiceEntry | undefined {
    const after = [...this.shown.slice(at + 1), ...this.shown.slice(0, at + 1)];
    return after.find(({ name }) => [...letter].length === 1 && name.toLowerCase().startsWith(letter.toLowerCase()));
  }

  private searchKey(event: KeyboardEvent): void {
    if (event.key !== 'ArrowDown' && event.key !== 'Enter') return;
    event.preventDefault();
    this.list.focus();
  }

  /** Play a card once the pointer rests on it, unless the episode is playing. */
  private enter(entry: VoiceEntry): void {
    clearTimeout(this.hover);
    if (this.host.get('playing')) return;
    this.hover = window.setTimeout(() => this.actions.play(entry), HOVER_MS);
  }

  private leave(): void {
    clearTimeout(this.hover);
    if (this.hover) this.actions.stop();
    this.hover = 0;
  }
}
