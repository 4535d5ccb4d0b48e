/** Command that inserts a code cell, which loads a project or a take, into the current notebook. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { INotebookTracker, NotebookActions } from '@jupyterlab/notebook';
import { ITranslator } from '@jupyterlab/translation';

import { t } from '../core/strings';
import { useLanguage } from './language';
import { Commands, NAME } from './names';
import { IScriptTracker } from './tokens';

/** Code of the cell. It opens the project read-only, so that it works while the project is open elsewhere. */
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
    useLanguage(translator);
    const ofScript = (): string => {
      const path = scripts.currentWidget?.context.path;
      return path ? `${path.slice(0, path.length - PathExt.extname(path).length)}.vibevoice` : '';
    };
    app.commands.addCommand(Commands.insertCell, {
      label: t('lab.insert_cell'),
      isEnabled: ({ project }) => notebooks.currentWidget !== null && Boolean(project || ofScript()),
      execute: async ({ project, take }) => {
        const panel = notebooks.currentWidget;
        if (!panel) return;
        const path = typeof project === 'string' && project ? project : ofScript();
        await panel.context.ready; // loading would overwrite an earlier insertion
        NotebookActions.insertBelow(panel.content);
        const code = loadingCode(
          PathExt.relative(PathExt.dirname(panel.context.path), path),
          typeof take === 'string' ? take : undefined,
        );
        panel.content.activeCell?.model.sharedModel.setSource(code);
        app.shell.activateById(panel.id);
      },
    });
    palette?.addItem({ command: Commands.insertCell, category: t('lab.category') });
  },
};
