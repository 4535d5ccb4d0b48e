import type { player as english } from '../en/player';
import type { Translation } from '../types';

export const player: Translation<typeof english> = {};
