import { mountCast } from '../core/cast/cast';
import { mountAudition } from '../core/kit/audition';
import { widget } from './adapter';

export default widget('voices', (root, host, bus) => {
  const unmount = [mountCast(root, host, bus), mountAudition(root, host, bus)];
  return () => unmount.forEach((stop) => stop());
});
