import type { sweep as english } from '../en/sweep';
import type { Translation } from '../types';

export const sweep: Translation<typeof english> = {};
