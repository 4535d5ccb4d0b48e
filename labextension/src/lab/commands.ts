/** What can be asked of a studio from the palette, the menus and the keyboard, and making a new script. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { IMainMenu } from '@jupyterlab/mainmenu';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';

import type { Action } from '../core/host/host';
import { isBusy } from '../core/host/traits';
import { onStudiosChange } from '../core/host/open_studios';
import { scriptIcon } from './icons';
import { Commands, EXTENSION, FACTORY, NAME } from './names';
import { busyStudio, activeStudio, jobOf } from './active_studio';
import { IScriptTracker } from './tokens';

export const commandsPlugin: JupyterFrontEndPlugin<void> = {
  id: `${NAME}:commands`,
  description: 'Commands for scripts: new, generate, stop, speak again.',
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
    const trans = (translator ?? nullTranslator).load(NAME);
    addNewScript(app, browser, trans);
    addActions(app, trans);
    const category = trans.__('VibeVoice');
    for (const command of [Commands.newScript, Commands.generate, Commands.stop, Commands.play, Commands.regenerate]) {
      palette?.addItem({ command, category });
    }
    launcher?.add({ command: Commands.newScript, category: trans.__('Other'), rank: 1 });
    menu?.fileMenu.newMenu.addItem({ command: Commands.newScript, rank: 40 });
    if (menu) addKernelMenu(app, menu, tracker);
  },
};

function addNewScript(app: JupyterFrontEnd, browser: IDefaultFileBrowser | null, trans: TranslationBundle): void {
  app.commands.addCommand(Commands.newScript, {
    label: ({ isPalette }) => (isPalette ? trans.__('New VibeVoice script') : trans.__('VibeVoice script')),
    caption: trans.__('Write a conversation and have it spoken'),
    icon: scriptIcon,
    execute: async ({ cwd }): Promise<unknown> => {
      const path = typeof cwd === 'string' ? cwd : (browser?.model.path ?? '');
      const made = await app.serviceManager.contents.newUntitled({ path, type: 'file', ext: EXTENSION });
      return app.commands.execute('docmanager:open', { path: made.path, factory: FACTORY });
    },
  });
}

function addActions(app: JupyterFrontEnd, trans: TranslationBundle): void {
  const { commands } = app;
  const writable = (): boolean => {
    const studio = activeStudio();
    return studio !== undefined && !isBusy(jobOf(studio)) && !studio.host.get('project')?.read_only;
  };
  const act = (action: Action) => (): void => activeStudio()?.bus.emit('act', { action });
  commands.addCommand(Commands.generate, {
    label: trans.__('Generate what is missing'),
    isEnabled: writable,
    execute: act('generate'),
  });
  commands.addCommand(Commands.regenerate, {
    label: trans.__('Speak the current turn again'),
    isEnabled: writable,
    execute: act('regenerate'),
  });
  commands.addCommand(Commands.play, {
    label: trans.__('Play or pause'),
    isEnabled: () => activeStudio() !== undefined,
    execute: act('play'),
  });
  commands.addCommand(Commands.stop, {
    label: trans.__('Stop generating'),
    isEnabled: () => busyStudio() !== undefined,
    execute: () => busyStudio()?.bus.emit('act', { action: 'stop' }),
  });
  onStudiosChange(() => commands.notifyCommandChanged());
}

/** The Kernel menu works on a script as it does on a notebook. */
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
