/** Cast panel: the speakers and their voices. */

import { Disposers } from '../ui/disposers';
import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { button, Failures, note } from '../ui/elements';
import { Keyed, watch } from '../ui/watch';
import type { Speaker } from '../host/traits';
import { listOf, t } from '../strings';
import { SpeakerCard } from './speaker';

export function mountCast(root: HTMLElement, host: Host, bus: Bus): () => void {
  const list = h('ul', { class: 'vvnb-cast-list', 'aria-label': t('cast.speakers') });
  const summary = h('div', { class: 'vvnb-slot', 'aria-live': 'polite' });
  const empty = h(
    'div',
    { class: 'vvnb-empty' },
    h('strong', null, t('cast.no_speakers')),
    h('span', null, t('cast.no_speakers_hint')),
  );
  const section = h('section', { class: 'vvnb-cast', 'aria-label': t('cast.cast') }, summary, empty, list);
  root.append(section);

  const disposers = new Disposers();
  const cards = disposers.child(
    new Keyed<Speaker, SpeakerCard>(
      list,
      (speaker) => speaker.label,
      (speaker) => new SpeakerCard(host, bus, speaker.label),
    ),
  );
  const failures = new Failures();
  const fill = button({
    label: t('cast.use_built_in'),
    size: 'small',
    title: t('cast.use_built_in_hint'),
    onclick: () =>
      void failures.during(() =>
        Promise.all(suggestions(host).map((params) => host.channel.call('set_voice', params))),
      ),
  });
  section.prepend(failures.element);
  let warning = '';
  const render = (): void => {
    const speakers = host.get('speakers') ?? [];
    empty.hidden = speakers.length > 0;
    cards.update(speakers);
    const text = missingVoices(speakers);
    if (text === warning) return;
    warning = text;
    summary.replaceChildren(
      ...(text
        ? [note('warning', [h('div', { class: 'vvnb-row' }, h('span', { class: 'vvnb-grow' }, text), fill)])]
        : []),
    );
  };
  disposers.add(watch(host, ['speakers', 'voices', 'project_state', 'turns', 'model', 'model_limits'], render), () =>
    section.remove(),
  );
  return disposers.dispose;
}

/** Choose a built-in voice for each speaker without one, unused ones first. */
function suggestions(host: Host): { speaker: string; voice: string }[] {
  const speakers = host.get('speakers') ?? [];
  const all = (host.get('voices') ?? []).filter((voice) => voice.kind === 'built-in').map((voice) => voice.name);
  const taken = new Set(speakers.map((speaker) => speaker.voice?.name));
  const free = [...all.filter((name) => !taken.has(name)), ...all.filter((name) => taken.has(name))];
  return speakers
    .filter((speaker) => !speaker.voice && !speaker.default_voice)
    .flatMap((speaker, at) => (free.length ? [{ speaker: speaker.label, voice: free[at % free.length]! }] : []));
}

/** Return a warning that names the speakers without a voice, not even a default one. */
export function missingVoices(speakers: readonly Speaker[]): string {
  const without = speakers
    .filter((speaker) => !speaker.voice && !speaker.default_voice)
    .map((speaker) => speaker.label);
  const count = without.length;
  if (!count) return '';
  if (count === 1) return t('cast.no_voice', { speaker: without[0]! });
  if (count > 3) return t('cast.many_no_voice', { count });
  return t('cast.no_voices', { speakers: listOf(without) });
}
