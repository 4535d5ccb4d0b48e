/** Language of the extension: JupyterLab's. */

import type { ITranslator } from '@jupyterlab/translation';

import { setPageLanguage } from '../core/strings';

/**
 * Use JupyterLab's language for our texts; call this first in every plugin that shows any. The catalogue is our own,
 * so that widgets outside JupyterLab have it too; only the settings' schema waits for a language pack.
 */
export function useLanguage(translator: ITranslator | null): void {
  setPageLanguage(translator?.languageCode ?? 'en');
}
