import { preparePlayer } from '../core/player/player';
import { mountStudio } from '../core/studio/studio';
import { widget } from './adapter';

export default widget('studio', mountStudio, preparePlayer);
