/** What the plugins give each other. */

import type { IWidgetTracker } from '@jupyterlab/apputils';
import { Token } from '@lumino/coreutils';

import type { ScriptDocument } from './document/widget';
import { NAME } from './names';

/** The open script documents. */
export type IScriptTracker = IWidgetTracker<ScriptDocument>;
export const IScriptTracker = new Token<IScriptTracker>(`${NAME}:IScriptTracker`, 'The open VibeVoice scripts.');

export type SeedPolicy = 'random' | 'fixed';

/** What a person has set; null leaves it to the model. */
export interface Preferences {
  model: string;
  numSteps: number | null;
  cfgScale: number | null;
  seedPolicy: SeedPolicy;
  seed: number;
  solver: string;
  autoplay: boolean;
  audioBudget: number;
}

export interface IPreferences {
  readonly values: Preferences;
  /** Call back now and whenever a person changes them; returns how to stop that. */
  watch(callback: (values: Preferences) => void): () => void;
}
export const IPreferences = new Token<IPreferences>(`${NAME}:IPreferences`, 'What a person has set for VibeVoice.');
