import { mountAudition } from '../core/kit/audition';
import { mountSweep } from '../core/sweep/sweep';
import { widget } from './adapter';

export default widget('sweep', (root, host, bus) => {
  const unmount = [mountSweep(root, host, bus), mountAudition(root, host, bus)];
  return () => unmount.forEach((stop) => stop());
});
