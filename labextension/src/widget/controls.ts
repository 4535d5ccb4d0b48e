import { mountControls } from '../core/controls/controls';
import { widget } from './adapter';

export default widget('controls', mountControls);
