/** The JupyterLab extension: one plugin per file. */

import { commandsPlugin } from './commands';
import { documentPlugin } from './document/plugin';
import { insertCellPlugin } from './insert_cell';
import { preferencesPlugin } from './preferences';
import { savedOutputPlugin } from './saved_output/plugin';
import { sidebarPlugin } from './sidebar/plugin';
import { statusPlugin } from './status';
import { takePlugin } from './take/plugin';

export default [
  preferencesPlugin,
  documentPlugin,
  commandsPlugin,
  statusPlugin,
  takePlugin,
  sidebarPlugin,
  insertCellPlugin,
  savedOutputPlugin,
];
