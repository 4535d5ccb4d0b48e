/** Names that the plugins share, and what they give each other. */

import type { IWidgetTracker } from '@jupyterlab/apputils';
import { Token } from '@lumino/coreutils';

import type { ScriptDocument } from './document/widget';

export const NAME = 'vibevoice-nb';
export const FILE_TYPE = 'vibevoice-script';
export const FACTORY = 'VibeVoice Studio';
export const EXTENSION = '.vvscript';
export const TAKE_MIME = 'application/vnd.vibevoice.take+json';
/** What a voice that is dragged says of itself; the cast's cards take it. */
export { VOICE_DRAG } from '../core/cast/drag';

export const Commands = {
  newScript: 'vibevoice:new-script',
  generate: 'vibevoice:generate',
  stop: 'vibevoice:stop',
  play: 'vibevoice:play',
  respeak: 'vibevoice:respeak',
  insertCell: 'vibevoice:insert-take-cell',
  useAsVoice: 'vibevoice:use-as-voice',
  showSidebar: 'vibevoice:show-sidebar',
} as const;

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
