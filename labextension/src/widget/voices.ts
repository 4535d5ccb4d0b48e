import { mountCast } from '../core/cast/cast';
import { Disposers } from '../core/ui/disposers';
import { h } from '../core/ui/dom';
import { mountAudition } from '../core/ui/audition';
import { fetchAudio } from '../core/ui/pcm';
import { widget } from './adapter';

export default widget('voices', (root, host, bus) => {
  const frame = root.appendChild(h('div', { class: 'vvnb-frame' }));
  const disposers = new Disposers();
  disposers.add(
    mountCast(frame, host, bus),
    mountAudition(frame, (source) => fetchAudio(host, source), bus),
    () => frame.remove(),
  );
  return disposers.dispose;
});
