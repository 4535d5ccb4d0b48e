/** Plugin for the sidebar, and for "Use as voice" in the file browser's menu. */

import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, InputDialog, showErrorMessage } from '@jupyterlab/apputils';
import { PageConfig, PathExt } from '@jupyterlab/coreutils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ITranslator } from '@jupyterlab/translation';

import { t } from '../../core/strings';
import { waveIcon } from '../icons';
import { useLanguage } from '../language';
import { Commands, EXTENSION, FACTORY, NAME } from '../names';
import { Sidebar } from './panel';
import { Library } from './library';

const AUDIO = /\.(wav|flac|mp3|ogg|oga|opus|m4a|aac|webm|mp4|aiff?)$/i;

/** Offer to rename a voice that could not get the name of its file. */
async function offerName(
  kept: string,
  file: string,
  rename: (voice: string, name: string) => Promise<unknown>,
): Promise<void> {
  if (kept === file) return;
  const { button, value } = await InputDialog.getText({
    title: t('lab.voice_name'),
    label: t('lab.voice_name_taken', { name: file }),
    text: kept,
    okLabel: t('lab.rename'),
    cancelLabel: t('lab.keep_name'),
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
    useLanguage(translator);
    const { commands, serviceManager: services } = app;
    const library = new Library(services, t('lab.sidebar_lost'));
    const sidebar = new Sidebar({ library, services, commands, browser: browser.model });
    app.shell.add(sidebar, 'left', { rank: 650 });
    restorer?.add(sidebar, sidebar.id);

    commands.addCommand(Commands.showSidebar, {
      label: t('lab.show_sidebar'),
      icon: waveIcon,
      execute: () => app.shell.activateById(sidebar.id),
    });
    const chosen = (): string[] => [...browser.selectedItems()].map(({ path }) => path);
    commands.addCommand(Commands.useAsVoice, {
      label: t('lab.use_as_voice'),
      icon: waveIcon,
      isVisible: () => chosen().length > 0 && chosen().every((path) => AUDIO.test(path)),
      execute: async () => {
        app.shell.activateById(sidebar.id);
        const root = PageConfig.getOption('serverRoot');
        try {
          const { channel } = await library.ready();
          for (const path of chosen()) {
            const { result } = await channel.call('add_voice', { root, path: services.contents.localPath(path) });
            await offerName(String(result['name']), PathExt.basename(path, PathExt.extname(path)), (voice, name) =>
              channel.call('rename_voice', { voice, name }),
            );
          }
          await sidebar.list();
        } catch (error) {
          await showErrorMessage(
            t('lab.voice_failed'),
            error instanceof Error ? error : String((error as { got?: string }).got ?? error),
          );
        }
      },
    });
    commands.addCommand(Commands.openProject, {
      label: t('lab.open_project'),
      execute: async ({ path: stem }): Promise<unknown> => {
        if (typeof stem !== 'string') return;
        const path = `${stem}${EXTENSION}`;
        const { contents } = services;
        const there = await contents
          .get(PathExt.dirname(path))
          .then(({ content }) => (content as { path: string }[]).some((file) => file.path === path));
        // An empty file is enough: the Studio loads the project's script.
        if (!there) await contents.save(path, { type: 'file', format: 'text', content: '' });
        return commands.execute('docmanager:open', { path, factory: FACTORY });
      },
    });
    palette?.addItem({ command: Commands.showSidebar, category: t('lab.category') });
  },
};
