/** Plugin that opens scripts in the Studio. */

import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISessionContextDialogs, SessionContextDialogs, Toolbar, WidgetTracker } from '@jupyterlab/apputils';
import { ABCWidgetFactory, DocumentWidget, type DocumentRegistry } from '@jupyterlab/docregistry';
import type { Contents } from '@jupyterlab/services';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { t } from '../../core/strings';
import { scriptIcon } from '../icons';
import { useLanguage } from '../language';
import { EXTENSION, FACTORY, FILE_TYPE, NAME } from '../names';
import { IPreferences, IScriptTracker } from '../tokens';
import { StudioPanel, type ScriptDocument } from './widget';

class ScriptFactory extends ABCWidgetFactory<ScriptDocument, DocumentRegistry.IModel> {
  constructor(
    options: DocumentRegistry.IWidgetFactoryOptions<ScriptDocument>,
    private readonly contents: Contents.IManager,
    private readonly preferences: IPreferences,
    private readonly openAsText: (path: string) => void,
  ) {
    super(options);
  }

  protected createNewWidget(context: DocumentRegistry.Context): ScriptDocument {
    const session = context.sessionContext;
    session.kernelPreference = { ...session.kernelPreference, language: 'python', autoStartDefault: true };
    const content = new StudioPanel({
      context,
      contents: this.contents,
      preferences: this.preferences,
      openAsText: () => this.openAsText(context.path),
    });
    const document = new DocumentWidget({ content, context, translator: this.translator });
    document.title.icon = scriptIcon;
    return document;
  }
}

export const documentPlugin: JupyterFrontEndPlugin<IScriptTracker> = {
  id: `${NAME}:document`,
  description: 'Opens scripts in the Studio, with a kernel.',
  autoStart: true,
  requires: [IPreferences],
  optional: [ILayoutRestorer, ISessionContextDialogs, ITranslator],
  provides: IScriptTracker,
  activate: (
    app: JupyterFrontEnd,
    preferences: IPreferences,
    restorer: ILayoutRestorer | null,
    sessionDialogs: ISessionContextDialogs | null,
    labTranslator: ITranslator | null,
  ): IScriptTracker => {
    useLanguage(labTranslator);
    const translator = labTranslator ?? nullTranslator;
    const dialogs = sessionDialogs ?? new SessionContextDialogs({ translator });
    const tracker = new WidgetTracker<ScriptDocument>({ namespace: NAME });
    app.docRegistry.addFileType({
      name: FILE_TYPE,
      displayName: t('lab.script_type'),
      extensions: [EXTENSION],
      mimeTypes: ['text/plain'],
      contentType: 'file',
      fileFormat: 'text',
      icon: scriptIcon,
    });
    const factory = new ScriptFactory(
      {
        name: FACTORY,
        label: t('lab.studio'),
        modelName: 'text',
        fileTypes: [FILE_TYPE, 'text'],
        defaultFor: [FILE_TYPE],
        preferKernel: true,
        canStartKernel: true,
        translator,
        toolbarFactory: ({ context: { sessionContext } }) => [
          { name: 'interrupt', widget: Toolbar.createInterruptButton(sessionContext, translator) },
          { name: 'restart', widget: Toolbar.createRestartButton(sessionContext, dialogs, translator) },
          { name: 'spacer', widget: Toolbar.createSpacerItem() },
          { name: 'kernelName', widget: Toolbar.createKernelNameItem(sessionContext, dialogs, translator) },
          { name: 'kernelStatus', widget: Toolbar.createKernelStatusItem(sessionContext, translator) },
        ],
      },
      app.serviceManager.contents,
      preferences,
      (path) => void app.commands.execute('docmanager:open', { path, factory: 'Editor' }),
    );
    app.docRegistry.addWidgetFactory(factory);
    factory.widgetCreated.connect((_, document) => {
      void tracker.add(document);
      document.context.pathChanged.connect(() => void tracker.save(document));
    });
    if (restorer) {
      void restorer.restore(tracker, {
        command: 'docmanager:open',
        args: ({ context }) => ({ path: context.path, factory: FACTORY }),
        name: ({ context }) => context.path,
      });
    }
    return tracker;
  },
};
