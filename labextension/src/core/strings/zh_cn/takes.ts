import type { takes as english } from '../en/takes';
import type { Translation } from '../types';

export const takes: Translation<typeof english> = {};
