/** Tokens: services that the plugins provide to each other. */

import type { IWidgetTracker } from '@jupyterlab/apputils';
import type { IDocumentWidget } from '@jupyterlab/docregistry';
import { Token } from '@lumino/coreutils';

import { NAME } from './names';

/** The open script documents. */
export type IScriptTracker = IWidgetTracker<IDocumentWidget>;
export const IScriptTracker = new Token<IScriptTracker>(`${NAME}:IScriptTracker`, 'The open VibeVoice scripts.');

export type SeedPolicy = 'random' | 'fixed';

/** Settings of the extension; null means the model's default. */
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
  /** Call back now and after every change; return a function that stops it. */
  watch(callback: (values: Preferences) => void): () => void;
}
export const IPreferences = new Token<IPreferences>(`${NAME}:IPreferences`, 'Settings of VibeVoice.');
