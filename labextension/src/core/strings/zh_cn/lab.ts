import type { lab as english } from '../en/lab';
import type { Translation } from '../types';

export const lab: Translation<typeof english> = {};
