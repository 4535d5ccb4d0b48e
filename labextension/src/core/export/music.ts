/** Music of the episode: intro, outro and bed, each a file with its level and its place. Nothing is regenerated. */

import { h } from '../ui/dom';
import { Disposers } from '../ui/disposers';
import { freshId } from '../ui/elements';
import { help } from '../ui/popover';
import { watch } from '../ui/watch';
import type { Bus, Host } from '../host/host';
import type { MusicRole } from '../host/traits';
import { t } from '../strings';
import { MusicRow } from './music_row';

const ROLES: readonly MusicRole[] = ['intro', 'outro', 'bed'];

export class MusicGroup {
  readonly element: HTMLElement;
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;

  constructor(host: Host, bus: Bus) {
    const title = freshId('music');
    const rows = ROLES.map((role) => this.disposers.child(new MusicRow(host, bus, role)));
    this.element = h(
      'section',
      { class: 'vvnb-music', role: 'group', 'aria-labelledby': title },
      h('div', { class: 'vvnb-label' }, h('h3', { id: title }, t('export.background')), about()),
      h('div', { class: 'vvnb-music-rows' }, ...rows.map((row) => row.element)),
    );
    this.disposers.add(
      watch(host, ['music', 'project_state'], () => {
        const music = host.get('music');
        this.element.hidden = music === undefined; // an earlier kernel
        const readOnly = host.get('project_state')?.read_only ?? false;
        for (const row of rows) row.update(music?.find(({ role }) => role === row.role) ?? null, readOnly);
      }),
    );
  }
}

const about = (): HTMLElement =>
  help(t('export.background'), t('export.background_help'), t('export.background_rights'));
