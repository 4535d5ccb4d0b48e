/** Keeping a speaker's recording in the person's own library, under a name. */

import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { button, type Failures } from '../ui/elements';
import type { SpeakerVoice } from '../host/traits';

export interface KeepPanel {
  element: HTMLElement;
  show(voice: SpeakerVoice, readOnly: boolean): void;
}

export function keepPanel(host: Host, label: string, failures: Failures): KeepPanel {
  const name = h('input', {
    class: 'vvnb-input',
    'aria-label': `Name for the voice of ${label} in your library`,
    maxlength: 60,
  });
  const form = h(
    'form',
    { class: 'vvnb-row', 'data-nowrap': true, hidden: true },
    name,
    button({ label: 'Keep', size: 'small' }),
    button({ label: 'Cancel', size: 'small', kind: 'quiet', onclick: () => open(false) }),
  );
  form.querySelector('button')!.type = 'submit';
  const opener = button({
    label: 'Keep in my library…',
    icon: 'keep',
    size: 'small',
    kind: 'quiet',
    title: 'Use this voice in other projects too',
    onclick: () => open(true),
  });
  const open = (on: boolean): void => {
    form.hidden = !on;
    opener.hidden = on;
    (on ? name : opener).focus();
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void failures
      .during(() => host.channel.call('keep_voice', { speaker: label, name: name.value.trim() }))
      .then((kept) => kept && open(false));
  });
  form.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    open(false);
  });
  const element = h('div', null, opener, form);
  return {
    element,
    show(voice, readOnly) {
      element.hidden = readOnly || voice.kind === 'built-in' || voice.kind === 'library';
      if (form.hidden) name.value = voice.name;
    },
  };
}
