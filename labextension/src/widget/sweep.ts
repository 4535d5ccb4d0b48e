import { h } from '../core/ui/dom';
import { mountAudition } from '../core/ui/audition';
import { mountSweep } from '../core/sweep/sweep';
import { widget } from './adapter';

export default widget('sweep', (root, host, bus) => {
  const frame = root.appendChild(h('div', { class: 'vvnb-frame' }));
  const unmount = [mountSweep(frame, host, bus), mountAudition(frame, host, bus), () => frame.remove()];
  return () => unmount.forEach((stop) => stop());
});
