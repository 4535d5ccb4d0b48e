/** Puts the sidebar in its place, and "Use as voice" into the file browser's menu. */

import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, InputDialog, showErrorMessage } from '@jupyterlab/apputils';
import { PageConfig, PathExt } from '@jupyterlab/coreutils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';

import { waveIcon } from '../icons';
import { Commands, EXTENSION, FACTORY, NAME } from '../names';
import { Sidebar } from './panel';
import { Library } from './library';

const AUDIO = /\.(wav|flac|mp3|ogg|oga|opus|m4a|aac|webm|mp4|aiff?)$/i;

/** Ask for a better name where a voice could not be named as its file is. */
async function offerName(
  kept: string,
  file: string,
  trans: TranslationBundle,
  rename: (voice: string, name: string) => Promise<unknown>,
): Promise<void> {
  if (kept === file) return;
  const { button, value } = await InputDialog.getText({
    title: trans.__('Name of the voice'),
    label: trans.__('“%1” is not a possible name or is taken.', file),
    text: kept,
    okLabel: trans.__('Rename'),
    cancelLabel: trans.__('Keep this name'),
  });
  const name = value?.trim();
  if (button.accept && name && name !== kept) await rename(kept, name);
}

export const sidebarPlugin: JupyterFrontEndPlugin<void> = {
  id: `${NAME}:sidebar`,
  description: 'Voices, projects and loaded models.',
  autoStart: true,
  requires: [IDefaultFileBrowser],
  optional: [ILayoutRestorer, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    browser: IDefaultFileBrowser,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null,
  ): void => {
    const trans = (translator ?? nullTranslator).load(NAME);
    const { commands, serviceManager: services } = app;
    const library = new Library(services, trans.__('Close the sidebar and open it again'));
    const sidebar = new Sidebar({ library, services, commands, browser: browser.model, trans });
    app.shell.add(sidebar, 'left', { rank: 650 });
    restorer?.add(sidebar, sidebar.id);

    commands.addCommand(Commands.showSidebar, {
      label: trans.__('Show voices, projects and models'),
      icon: waveIcon,
      execute: () => app.shell.activateById(sidebar.id),
    });
    const chosen = (): string[] => [...browser.selectedItems()].map(({ path }) => path);
    commands.addCommand(Commands.useAsVoice, {
      label: trans.__('Use as voice'),
      icon: waveIcon,
      isVisible: () => chosen().length > 0 && chosen().every((path) => AUDIO.test(path)),
      execute: async () => {
        app.shell.activateById(sidebar.id);
        const root = PageConfig.getOption('serverRoot');
        try {
          const { channel } = await library.ready();
          for (const path of chosen()) {
            const { result } = await channel.call('add_voice', { root, path: services.contents.localPath(path) });
            await offerName(
              String(result['name']),
              PathExt.basename(path, PathExt.extname(path)),
              trans,
              (voice, name) => channel.call('rename_voice', { voice, name }),
            );
          }
        } catch (error) {
          await showErrorMessage(
            trans.__('This file can’t be used as a voice'),
            error instanceof Error ? error : String((error as { got?: string }).got ?? error),
          );
        }
      },
    });
    commands.addCommand(Commands.openProject, {
      label: trans.__('Open a project’s script'),
      execute: async ({ path: stem }) => {
        const path = `${String(stem)}${EXTENSION}`;
        const { contents } = services;
        const there = await contents
          .get(PathExt.dirname(path))
          .then(({ content }) => (content as { path: string }[]).some((file) => file.path === path));
        // An empty file: the Studio takes the project's script.
        if (!there) await contents.save(path, { type: 'file', format: 'text', content: '' });
        return commands.execute('docmanager:open', { path, factory: FACTORY });
      },
    });
    palette?.addItem({ command: Commands.showSidebar, category: trans.__('VibeVoice') });
  },
};
