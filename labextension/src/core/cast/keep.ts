/** Form that saves a speaker's recording in the user's library, under a name. */

import { h } from '../ui/dom';
import type { Host } from '../host/host';
import { button, type Failures } from '../ui/elements';
import type { SpeakerVoice } from '../host/traits';
import { t } from '../strings';

export interface KeepPanel {
  element: HTMLElement;
  show(voice: SpeakerVoice, readOnly: boolean): void;
}

export function keepPanel(host: Host, label: string, failures: Failures): KeepPanel {
  const name = h('input', {
    class: 'vvnb-input',
    'aria-label': t('cast.name_in_library', { speaker: label }),
    maxlength: 60,
  });
  const form = h(
    'form',
    {
      class: 'vvnb-row',
      'data-nowrap': true,
      hidden: true,
      onsubmit: (event) => submit(event),
      onkeydown: (event) => cancel(event),
    },
    name,
    button({ label: t('cast.save'), size: 'small' }),
    button({ label: t('cast.cancel'), size: 'small', kind: 'quiet', onclick: () => open(false) }),
  );
  form.querySelector('button')!.type = 'submit';
  const opener = button({
    label: t('cast.keep'),
    icon: 'keep',
    size: 'small',
    kind: 'quiet',
    title: t('cast.keep_hint'),
    onclick: () => open(true),
  });
  const open = (on: boolean): void => {
    form.hidden = !on;
    opener.hidden = on;
    (on ? name : opener).focus();
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    void failures
      .during(() => host.channel.call('save_voice', { speaker: label, name: name.value.trim() }))
      .then((saved) => saved && open(false));
  };
  const cancel = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    open(false);
  };
  const element = h('div', null, opener, form);
  return {
    element,
    show(voice, readOnly) {
      element.hidden = readOnly || voice.kind === 'built-in' || voice.kind === 'library';
      if (form.hidden) name.value = voice.name;
    },
  };
}
