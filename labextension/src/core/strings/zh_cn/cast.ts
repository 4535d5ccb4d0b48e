import type { cast as english } from '../en/cast';
import type { Translation } from '../types';

export const cast: Translation<typeof english> = {};
