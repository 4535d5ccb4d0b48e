/** The JupyterLab extension: one plugin a file. */

import { documentPlugin } from './document/plugin';
import { preferencesPlugin } from './preferences';

export default [preferencesPlugin, documentPlugin];
