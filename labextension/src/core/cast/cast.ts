/** The cast: who speaks with which voice. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { count } from '../ui/format';
import { button, Failures, note } from '../ui/elements';
import { Disposers, Keyed, watch } from '../ui/watch';
import type { Speaker } from '../host/traits';
import { SpeakerCard } from './speaker';

export function mountCast(root: HTMLElement, host: Host, bus: Bus): () => void {
  const list = h('ul', { class: 'vvnb-cast-list', 'aria-label': 'Speakers' });
  const summary = h('div', { class: 'vvnb-slot', 'aria-live': 'polite' });
  const empty = h(
    'div',
    { class: 'vvnb-empty' },
    h('strong', null, 'Nobody to cast yet'),
    h('span', null, 'Each speaker of the script appears here, to be given a voice.'),
  );
  const section = h('section', { class: 'vvnb-cast', 'aria-label': 'Cast' }, summary, empty, list);
  root.append(section);

  const cards = new Keyed<Speaker, SpeakerCard>(
    list,
    (speaker) => speaker.label,
    (speaker) => new SpeakerCard(host, bus, speaker.label),
  );
  const failures = new Failures();
  const fill = button({
    label: 'Use built-in voices',
    size: 'small',
    title: 'Give each speaker without a voice a different built-in one',
    onclick: () =>
      void failures.during(() =>
        Promise.all(suggestions(host).map((params) => host.channel.call('set_voice', params))),
      ),
  });
  section.prepend(failures.element);
  let told = '';
  const render = (): void => {
    const speakers = host.get('speakers') ?? [];
    empty.hidden = speakers.length > 0;
    cards.update(speakers);
    const text = missingVoices(speakers);
    if (text === told) return;
    told = text;
    summary.replaceChildren(
      ...(text
        ? [note('warning', [h('div', { class: 'vvnb-row' }, h('span', { class: 'vvnb-grow' }, text), fill)])]
        : []),
    );
  };
  const disposers = new Disposers();
  disposers.add(
    watch(host, ['speakers', 'voices', 'project', 'turns', 'model'], render),
    () => cards.dispose(),
    () => section.remove(),
  );
  return disposers.dispose;
}

/** A built-in voice for each speaker without one, nobody else's while there are enough. */
function suggestions(host: Host): { speaker: string; voice: string }[] {
  const speakers = host.get('speakers') ?? [];
  const all = (host.get('voices') ?? []).filter((voice) => voice.kind === 'built-in').map((voice) => voice.name);
  const taken = new Set(speakers.map((speaker) => speaker.voice?.name));
  const free = [...all.filter((name) => !taken.has(name)), ...all.filter((name) => taken.has(name))];
  return speakers
    .filter((speaker) => !speaker.voice)
    .flatMap((speaker, at) => (free.length ? [{ speaker: speaker.label, voice: free[at % free.length]! }] : []));
}

/** Says who has no voice; nobody is ever given one silently. */
export function missingVoices(speakers: readonly Speaker[]): string {
  const without = speakers.filter((speaker) => !speaker.voice).map((speaker) => speaker.label);
  if (!without.length) return '';
  if (without.length === 1) return `${without[0]} has no voice yet.`;
  if (without.length > 3) return `${count(without.length, 'speaker')} have no voice yet.`;
  return `${without.slice(0, -1).join(', ')} and ${without.at(-1)} have no voice yet.`;
}
