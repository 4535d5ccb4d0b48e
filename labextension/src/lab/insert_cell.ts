/** Puts a code cell that loads a project, or one of its takes, into the notebook in front. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { INotebookTracker, NotebookActions } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { Commands, NAME } from './names';
import { IScriptTracker } from './tokens';

/** The cell's code; a project that somebody has open can be read by others. */
export function loadingCode(project: string, take?: string): string {
  const shown = take ? `project.take(${JSON.stringify(take)})` : 'project.assemble()';
  return `from vibevoice_nb import Project\n\nproject = Project.open(${JSON.stringify(project)}, read_only=True)\n${shown}`;
}

export const insertCellPlugin: JupyterFrontEndPlugin<void> = {
  id: `${NAME}:insert-cell`,
  description: 'Inserts code cells that load takes.',
  autoStart: true,
  requires: [INotebookTracker, IScriptTracker],
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    scripts: IScriptTracker,
    palette: ICommandPalette | null,
    translator: ITranslator | null,
  ): void => {
    const trans = (translator ?? nullTranslator).load(NAME);
    const ofScript = (): string => {
      const path = scripts.currentWidget?.context.path;
      return path ? `${path.slice(0, path.length - PathExt.extname(path).length)}.vibevoice` : '';
    };
    app.commands.addCommand(Commands.insertCell, {
      label: trans.__('Insert a cell that loads the takes of the current script'),
      isEnabled: ({ project }) => notebooks.currentWidget !== null && Boolean(project || ofScript()),
      execute: async ({ project, take }) => {
        const panel = notebooks.currentWidget;
        if (!panel) return;
        const path = String(project || ofScript());
        await panel.context.ready; // before that, what is inserted would be overwritten
        NotebookActions.insertBelow(panel.content);
        const code = loadingCode(
          PathExt.relative(PathExt.dirname(panel.context.path), path),
          take ? String(take) : undefined,
        );
        panel.content.activeCell?.model.sharedModel.setSource(code);
        app.shell.activateById(panel.id);
      },
    });
    palette?.addItem({ command: Commands.insertCell, category: trans.__('VibeVoice') });
  },
};
