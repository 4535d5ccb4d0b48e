/** Sound of a speaker: gain and pace of all its turns, folded away unless they are set. */

import { h } from '../ui/dom';
import { decibels, gainField, paceField, times } from '../ui/adjusting';
import { button, type Failures } from '../ui/elements';
import { Latest } from '../ui/latest';
import type { Host } from '../host/host';
import type { Methods } from '../host/protocol';
import type { Speaker } from '../host/traits';
import { t } from '../strings';

export interface SpeakerSound {
  element: HTMLElement;
  show(speaker: Speaker, readOnly: boolean): void;
}

export function speakerSound(host: Host, label: string, failures: Failures): SpeakerSound {
  const values = { gain: 0, pace: 1 };
  const sending = new Latest<Methods['adjust_speaker']>((params) =>
    failures.during(() => host.channel.call('adjust_speaker', params)),
  );
  const adjust = (change: Partial<typeof values>): void => {
    Object.assign(values, change);
    render();
    sending.set({ speaker: label, ...values });
  };
  const gain = gainField(t('cast.gain_of', { speaker: label }), (value) => adjust({ gain: value }));
  const pace = paceField(t('cast.pace_of', { speaker: label }), (value) => adjust({ pace: value }));
  const reset = button({
    label: t('takes.reset_sound'),
    kind: 'link',
    size: 'small',
    onclick: () => adjust({ gain: 0, pace: 1 }),
  });
  const now = h('span', { class: 'vvnb-hint' });
  const element = h(
    'details',
    { class: 'vvnb-speaker-sound' },
    h('summary', null, t('takes.sound'), ' ', now),
    h('div', { class: 'vvnb-stack', 'data-tight': true }, gain.element, pace.element, reset),
  );
  const render = (): void => {
    gain.show(values.gain);
    pace.show(values.pace);
    const set = [values.gain !== 0 && decibels(values.gain), values.pace !== 1 && times(values.pace)];
    now.textContent = set.filter(Boolean).join(', ');
    reset.hidden = !now.textContent;
  };
  return {
    element,
    show(speaker, readOnly) {
      element.hidden = host.get('project_state') === undefined; // a cast without a project has no turns
      if (!sending.busy) Object.assign(values, { gain: speaker.gain, pace: speaker.pace });
      for (const field of [gain, pace]) field.disable(readOnly);
      reset.disabled = readOnly;
      render();
    },
  };
}
