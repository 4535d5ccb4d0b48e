import type { exporting as english } from '../en/export';
import type { Translation } from '../types';

export const exporting: Translation<typeof english> = {};
