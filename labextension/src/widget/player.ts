import { mountPlayer, preparePlayer } from '../core/player/player';
import { widget } from './adapter';

export default widget('player', mountPlayer, preparePlayer);
