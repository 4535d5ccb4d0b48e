/** Plugin that shows the saved form of a widget's output while there is no widget to show. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';

import { NAME } from '../names';
import { SavedOutputs } from './saved_outputs';

export const savedOutputPlugin: JupyterFrontEndPlugin<void> = {
  id: `${NAME}:saved-output`,
  description: 'Shows saved players and Studios in notebooks without a kernel.',
  autoStart: true,
  requires: [INotebookTracker],
  activate: (_: JupyterFrontEnd, notebooks: INotebookTracker): void => {
    const follow = (panel: NotebookPanel): void => {
      const outputs = new SavedOutputs(panel.content);
      panel.disposed.connect(() => outputs.dispose());
    };
    notebooks.forEach(follow);
    notebooks.widgetAdded.connect((_, panel) => follow(panel));
  },
};
