import type { editor as english } from '../en/editor';
import type { Translation } from '../types';

export const editor: Translation<typeof english> = {};
