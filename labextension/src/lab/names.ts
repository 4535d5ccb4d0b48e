/** Names shared by all plugins. */

export const NAME = 'vibevoice-nb';
export const FILE_TYPE = 'vibevoice-script';
export const FACTORY = 'VibeVoice Studio';
export const EXTENSION = '.vvscript';
export const TAKE_MIME = 'application/vnd.vibevoice.take+json';

export const Commands = {
  newScript: 'vibevoice:new-script',
  generate: 'vibevoice:generate',
  stop: 'vibevoice:stop',
  play: 'vibevoice:play',
  regenerate: 'vibevoice:regenerate',
  insertCell: 'vibevoice:insert-take-cell',
  openProject: 'vibevoice:open-project',
  useAsVoice: 'vibevoice:use-as-voice',
  showSidebar: 'vibevoice:show-sidebar',
} as const;
