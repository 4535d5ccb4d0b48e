import { mountCast } from '../core/cast/cast';
import { h } from '../core/ui/dom';
import { mountAudition } from '../core/ui/audition';
import { widget } from './adapter';

export default widget('voices', (root, host, bus) => {
  const frame = root.appendChild(h('div', { class: 'vvnb-frame' }));
  const unmount = [mountCast(frame, host, bus), mountAudition(frame, host, bus), () => frame.remove()];
  return () => unmount.forEach((stop) => stop());
});
