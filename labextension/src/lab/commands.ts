/** Commands for the active studio and for new scripts, in the palette, the launcher and the menus. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { IMainMenu } from '@jupyterlab/mainmenu';
import { ITranslator } from '@jupyterlab/translation';

import type { Action } from '../core/host/host';
import { isBusy } from '../core/host/traits';
import { onStudiosChange } from '../core/host/open_studios';
import { t } from '../core/strings';
import { scriptIcon } from './icons';
import { useLanguage } from './language';
import { Commands, EXTENSION, FACTORY, NAME } from './names';
import { busyStudio, activeStudio, jobOf } from './active_studio';
import { IScriptTracker } from './tokens';

export const commandsPlugin: JupyterFrontEndPlugin<void> = {
  id: `${NAME}:commands`,
  description: 'Commands for scripts: new, generate, stop, regenerate.',
  autoStart: true,
  requires: [IScriptTracker],
  optional: [IDefaultFileBrowser, ICommandPalette, ILauncher, IMainMenu, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    tracker: IScriptTracker,
    browser: IDefaultFileBrowser | null,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    menu: IMainMenu | null,
    translator: ITranslator | null,
  ): void => {
    useLanguage(translator);
    addNewScript(app, browser);
    addActions(app);
    const category = t('lab.category');
    for (const command of [Commands.newScript, Commands.generate, Commands.stop, Commands.play, Commands.regenerate]) {
      palette?.addItem({ command, category });
    }
    launcher?.add({ command: Commands.newScript, category, rank: 1, args: { isShort: true } });
    menu?.fileMenu.newMenu.addItem({ command: Commands.newScript, args: { isShort: true }, rank: 40 });
    if (menu) addKernelMenu(app, menu, tracker);
  },
};

function addNewScript(app: JupyterFrontEnd, browser: IDefaultFileBrowser | null): void {
  app.commands.addCommand(Commands.newScript, {
    label: ({ isShort }) => (isShort ? t('lab.script_type') : t('lab.new_script')),
    caption: t('lab.new_script_hint'),
    icon: scriptIcon,
    execute: async ({ cwd }): Promise<unknown> => {
      const path = typeof cwd === 'string' ? cwd : (browser?.model.path ?? '');
      const made = await app.serviceManager.contents.newUntitled({ path, type: 'file', ext: EXTENSION });
      return app.commands.execute('docmanager:open', { path: made.path, factory: FACTORY });
    },
  });
}

function addActions(app: JupyterFrontEnd): void {
  const { commands } = app;
  const writable = (): boolean => {
    const studio = activeStudio();
    return studio !== undefined && !isBusy(jobOf(studio)) && !studio.host.get('project_state')?.read_only;
  };
  const act = (action: Action) => (): void => activeStudio()?.bus.emit('act', { action });
  commands.addCommand(Commands.generate, {
    label: t('lab.generate'),
    isEnabled: writable,
    execute: act('generate'),
  });
  commands.addCommand(Commands.regenerate, {
    label: t('lab.regenerate'),
    isEnabled: writable,
    execute: act('regenerate'),
  });
  commands.addCommand(Commands.play, {
    label: t('lab.play'),
    isEnabled: () => activeStudio() !== undefined,
    execute: act('play'),
  });
  commands.addCommand(Commands.stop, {
    label: t('lab.stop'),
    isEnabled: () => busyStudio() !== undefined,
    execute: () => busyStudio()?.bus.emit('act', { action: 'stop' }),
  });
  onStudiosChange(() => commands.notifyCommandChanged());
}

/** Make the Kernel menu work for scripts as it does for notebooks. */
function addKernelMenu(app: JupyterFrontEnd, menu: IMainMenu, tracker: IScriptTracker): void {
  const isEnabled = (): boolean => tracker.currentWidget !== null && tracker.currentWidget === app.shell.currentWidget;
  const session = () => tracker.currentWidget?.context.sessionContext;
  const { kernelUsers } = menu.kernelMenu;
  const add = (user: typeof kernelUsers.interruptKernel, id: string, execute: () => unknown): void => {
    app.commands.addCommand(id, { isEnabled, execute });
    user.add({ id, isEnabled });
  };
  add(kernelUsers.interruptKernel, 'vibevoice:interrupt-kernel', () => session()?.session?.kernel?.interrupt());
  add(kernelUsers.restartKernel, 'vibevoice:restart-kernel', () => session()?.restartKernel());
  add(kernelUsers.shutdownKernel, 'vibevoice:shutdown-kernel', () => session()?.shutdown());
}
