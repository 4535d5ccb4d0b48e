import { Disposers } from '../core/ui/disposers';
import { h } from '../core/ui/dom';
import { mountAudition } from '../core/ui/audition';
import { fetchAudio } from '../core/ui/pcm';
import { mountSweep } from '../core/sweep/sweep';
import { widget } from './adapter';

export default widget('sweep', (root, host, bus) => {
  const frame = root.appendChild(h('div', { class: 'vvnb-frame' }));
  const disposers = new Disposers();
  disposers.add(
    mountSweep(frame, host, bus),
    mountAudition(frame, (source) => fetchAudio(host, source), bus),
    () => frame.remove(),
  );
  return disposers.dispose;
});
