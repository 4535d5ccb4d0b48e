/** What a person has set, for all plugins. */

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

/** How a project begins that isn't there yet, as the kernel names it. */
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

class Kept implements IPreferences {
  values = DEFAULTS;
  private readonly callbacks = new Set<(values: Preferences) => void>();

  watch(callback: (values: Preferences) => void): () => void {
    this.callbacks.add(callback);
    callback(this.values);
    return () => this.callbacks.delete(callback);
  }

  take(settings: ISettingRegistry.ISettings): void {
    this.values = { ...DEFAULTS, ...(settings.composite as Partial<Preferences>) };
    for (const callback of this.callbacks) callback(this.values);
  }
}

export const preferencesPlugin: JupyterFrontEndPlugin<IPreferences> = {
  id: `${NAME}:settings`,
  description: 'What a person has set for VibeVoice.',
  autoStart: true,
  optional: [ISettingRegistry],
  provides: IPreferences,
  activate: async (_app, registry: ISettingRegistry | null): Promise<IPreferences> => {
    const kept = new Kept();
    const settings = await registry?.load(preferencesPlugin.id).catch((error: unknown) => void console.error(error));
    if (settings) {
      kept.take(settings);
      settings.changed.connect(() => kept.take(settings));
    }
    return kept;
  },
};
