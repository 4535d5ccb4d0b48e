/** One speaker of the cast: colour, voice, what was found about it, and the right to use it. */

import { h } from '../dom';
import type { Bus, Host } from '../host';
import { badge, button, check, Failures, note, type Tone } from '../kit/elements';
import { clock, SAMPLE_RATE, span } from '../kit/format';
import type { KnownVoice, ProjectState, Speaker, SpeakerVoice, TurnState, VoiceKind } from '../state';
import { keepPanel } from './keep';
import { recorderPanel } from './record';
import { trimmer } from './trim';
import { uploadPanel } from './upload_panel';

export interface SpeakerCard {
  element: HTMLElement;
  update(speaker: Speaker): void;
  dispose(): void;
}

const KINDS: Record<VoiceKind, string> = {
  'built-in': 'Built-in voice',
  library: 'From your library',
  upload: 'Uploaded recording',
  recording: 'Recorded here',
  file: 'Recording',
};

export function speakerCard(host: Host, bus: Bus, label: string): SpeakerCard {
  const failures = new Failures();
  const call = host.channel.call.bind(host.channel);
  const colour = h('input', {
    type: 'color',
    class: 'vvnb-colour',
    'aria-label': `Colour of ${label}`,
    title: 'Colour in script, waveform and takes',
    onchange: () => void failures.during(() => call('set_colour', { speaker: label, colour: colour.value })),
  });
  const select = h('select', {
    class: 'vvnb-select',
    'aria-label': `Voice of ${label}`,
    onchange: () => select.value && void failures.during(() => call('set_voice', { speaker: label, voice: select.value })),
  });
  const play = button({
    label: `Hear the voice of ${label}`,
    icon: 'play',
    bare: true,
    title: 'Hear this voice',
    onclick: () => bus.emit('audition', { source: `voice:${label}`, autoplay: true }),
  });
  const remove = button({
    label: `Remove the voice of ${label}`,
    icon: 'close',
    bare: true,
    kind: 'quiet',
    size: 'small',
    onclick: () => void failures.during(() => call('clear_voice', { speaker: label })),
  });
  const absent = badge('not in the script', undefined, 'Nobody of this name speaks; the voice is kept in case');
  const about = h('p', { class: 'vvnb-hint' });
  const trim = trimmer(host, label, failures);
  const checks = h('div', { class: 'vvnb-slot vvnb-findings' });
  const consent = check("I have the right to use this person's voice.", (on) =>
    void failures.during(() => call('set_consent', { speaker: label, consent: on })),
  );
  const keep = keepPanel(host, label, failures);
  const uploads = uploadPanel(host, label, failures);
  const recorder = recorderPanel(host, label, failures);
  const detail = h('div', { class: 'vvnb-stack' }, trim.element, about, checks, consent.element, keep.element);
  const element = h(
    'li',
    { class: 'vvnb-card vvnb-speaker' },
    h('div', { class: 'vvnb-row', 'data-nowrap': true }, colour, h('h3', { class: 'vvnb-ellipsis' }, label), absent, h('span', { class: 'vvnb-grow' }), remove),
    h('div', { class: 'vvnb-row', 'data-nowrap': true }, h('div', { class: 'vvnb-grow' }, select), play),
    detail,
    h('div', { class: 'vvnb-row' }, uploads.button, recorder.button),
    uploads.element,
    recorder.element,
    failures.element,
  );
  const stopDrops = uploads.acceptDrops(element);

  let shown = '';
  const update = (speaker: Speaker): void => {
    const voices = host.get<KnownVoice[]>('voices') ?? [];
    const readOnly = host.get<ProjectState | undefined>('project')?.read_only ?? false;
    const turns = host.get<TurnState[] | undefined>('turns');
    absent.hidden = !turns || turns.some((turn) => turn.speaker === label);
    const now = JSON.stringify([speaker, voices, readOnly]);
    if (now === shown) return;
    shown = now;
    const { voice } = speaker;
    element.style.setProperty('--speaker', speaker.colour);
    element.toggleAttribute('data-silent', !voice);
    if (document.activeElement !== colour) colour.value = speaker.colour;
    fillChoices(select, voices, voice);
    for (const field of [colour, select, remove, uploads.button, recorder.button, consent.input]) field.disabled = readOnly;
    play.disabled = !voice;
    remove.hidden = !voice;
    detail.hidden = !voice;
    if (!voice) return;
    about.replaceChildren(describe(voice, voices));
    trim.show(Math.round(voice.seconds * SAMPLE_RATE), voice, readOnly);
    checks.replaceChildren(...findings(voice));
    consent.element.hidden = !voice.needs_consent;
    consent.input.checked = voice.consent;
    consent.element.toggleAttribute('data-open', !voice.consent);
    keep.show(voice, readOnly);
  };
  return {
    element,
    update,
    dispose() {
      stopDrops();
      trim.dispose();
      recorder.dispose();
    },
  };
}

function describe(voice: SpeakerVoice, voices: readonly KnownVoice[]): string {
  const known = voices.find((candidate) => candidate.name === voice.name && candidate.kind === voice.kind);
  const what = known?.description || KINDS[voice.kind];
  return `${what[0]!.toUpperCase()}${what.slice(1)}, ${voice.seconds < 60 ? span(voice.seconds) : clock(voice.seconds)}`;
}

/** Fill the menu: built-in voices, the person's library, and whatever the speaker has that is neither. */
function fillChoices(select: HTMLSelectElement, voices: readonly KnownVoice[], voice: SpeakerVoice | null): void {
  const group = (title: string, kind: VoiceKind): HTMLElement | false => {
    const options = voices
      .filter((known) => known.kind === kind)
      .map((known) => h('option', { value: known.name, title: known.description }, known.name));
    return options.length > 0 && h('optgroup', { label: title }, ...options);
  };
  const own = voice && !voices.some((known) => known.name === voice.name && known.kind === voice.kind);
  const parts = [
    !voice && h('option', { value: '', disabled: true }, 'Choose a voice…'),
    own && h('optgroup', { label: 'This recording' }, h('option', { value: '' }, voice.name)),
    group('Built-in', 'built-in'),
    group('Your library', 'library'),
  ];
  select.replaceChildren(...parts.filter((part): part is HTMLOptionElement | HTMLOptGroupElement => Boolean(part)));
  select.value = voice && !own ? voice.name : '';
}

const SEVERITIES: Record<string, Tone> = { error: 'danger', warning: 'warning', info: 'accent' };

function findings(voice: SpeakerVoice): HTMLElement[] {
  const notes = voice.checks.map((found) => {
    const message = `${found.message[0]?.toUpperCase() ?? ''}${found.message.slice(1)}.`;
    const remedy = found.remedy && `${found.remedy[0]!.toUpperCase()}${found.remedy.slice(1)}.`;
    const element = note(SEVERITIES[found.severity] ?? 'accent', [
      h('span', { class: 'vvnb-visually-hidden' }, `${found.severity}: `),
      h('div', null, message),
      remedy ? h('div', { class: 'vvnb-hint' }, remedy) : null,
    ]);
    element.removeAttribute('role'); // it is there to be read, not shouted
    return element;
  });
  if (!notes.length && voice.needs_consent) notes.push(note('good', ['A clean recording: nothing to object to.']));
  return notes;
}
