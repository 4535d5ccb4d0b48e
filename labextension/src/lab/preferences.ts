/** Plugin that provides the settings to all others. */

import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { NAME } from './names';
import { IPreferences, type Preferences } from './tokens';

export const DEFAULTS: Preferences = {
  model: 'nano',
  numSteps: null,
  cfgScale: null,
  seedPolicy: 'random',
  seed: 0,
  solver: 'dpmsolver++',
  autoplay: true,
  audioBudget: 2_000_000,
};

/** Settings of a new project, by the kernel's names. */
export function newProjectSettings({
  model,
  numSteps,
  cfgScale,
  seedPolicy,
  seed,
  solver,
}: Preferences): Record<string, unknown> {
  return { model, num_steps: numSteps, cfg_scale: cfgScale, seed: seedPolicy === 'fixed' ? seed : null, solver };
}

class StoredPreferences implements IPreferences {
  values = DEFAULTS;
  private readonly callbacks = new Set<(values: Preferences) => void>();

  watch(callback: (values: Preferences) => void): () => void {
    this.callbacks.add(callback);
    callback(this.values);
    return () => this.callbacks.delete(callback);
  }

  load(settings: ISettingRegistry.ISettings): void {
    this.values = { ...DEFAULTS, ...(settings.composite as Partial<Preferences>) };
    for (const callback of this.callbacks) callback(this.values);
  }
}

export const preferencesPlugin: JupyterFrontEndPlugin<IPreferences> = {
  id: `${NAME}:settings`,
  description: 'Settings of VibeVoice.',
  autoStart: true,
  optional: [ISettingRegistry],
  provides: IPreferences,
  activate: async (_app, registry: ISettingRegistry | null): Promise<IPreferences> => {
    const preferences = new StoredPreferences();
    const settings = await registry?.load(preferencesPlugin.id).catch((error: unknown) => void console.error(error));
    if (settings) {
      preferences.load(settings);
      settings.changed.connect(() => preferences.load(settings));
    }
    return preferences;
  },
};
