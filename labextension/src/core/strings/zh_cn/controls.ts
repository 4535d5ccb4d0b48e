import type { controls as english } from '../en/controls';
import type { Translation } from '../types';

export const controls: Translation<typeof english> = {};
