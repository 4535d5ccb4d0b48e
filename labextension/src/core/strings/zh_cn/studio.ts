import type { studio as english } from '../en/studio';
import type { Translation } from '../types';

export const studio: Translation<typeof english> = {};
