/** The Studio: everything one works with, in one studio. */

import { mountCast, missingVoices } from '../cast/cast';
import { mountModel } from '../controls/model';
import { mountSettings } from '../controls/settings';
import { mountGenerateBar } from '../controls/generate_bar';
import { h } from '../ui/dom';
import { mountEditor } from '../editor/editor';
import { mountExport } from '../export/export';
import type { Bus, Host } from '../host/host';
import { tabs, type Tabs } from '../ui/elements';
import { Disposers, watch } from '../ui/watch';
import { mountPlayer } from '../player/player';
import { registerStudio } from '../host/open_studios';
import { mountHeader } from './header';
import { areaKeys, focusArea, type Area } from './shortcuts';
import { mountNotices } from './notices';
import { mountSaving } from './saving';
import { mountWelcome } from './welcome';
import { mountTakes } from '../takes/takes';

export function mountStudio(root: HTMLElement, host: Host, bus: Bus): () => void {
  const place = (name: string, label: string): HTMLElement =>
    h('section', { class: `vvnb-area vvnb-area-${name}`, 'aria-label': label });
  const panel = (): HTMLElement => h('div', { class: 'vvnb-tab-panel' });
  const [script, player] = [place('script', 'Script'), place('player', 'Player')];
  const [cast, settings, model, takes, exported] = [panel(), panel(), panel(), panel(), panel()];
  const side = tabs('Voices and settings', [
    { id: 'cast', label: 'Cast', icon: 'person', panel: cast },
    { id: 'settings', label: 'Settings', icon: 'sliders', panel: settings },
    { id: 'model', label: 'Model', icon: 'chip', panel: model },
  ]);
  const results = tabs('Takes and export', [
    { id: 'takes', label: 'Takes', icon: 'wave', panel: takes },
    { id: 'export', label: 'Export', icon: 'download', panel: exported },
  ]);
  const header = h('header', { class: 'vvnb-header' });
  const notices = h('div', { class: 'vvnb-notices' });
  const transport = h('div', { class: 'vvnb-area vvnb-area-transport' });
  const studio = h(
    'div',
    { class: 'vvnb-studio-page' },
    header,
    notices,
    h(
      'div',
      { class: 'vvnb-desk' },
      script,
      h('div', { class: 'vvnb-area vvnb-area-side' }, side.list, cast, settings, model),
    ),
    transport,
    player,
    h('div', { class: 'vvnb-area vvnb-area-results' }, results.list, takes, exported),
  );
  root.append(studio);

  const behind = (row: Tabs, id: string, label: string, element: HTMLElement): Area => ({
    label,
    element,
    show: () => row.select(id),
  });
  const areas = [
    { label: 'Script', element: script },
    behind(side, 'cast', 'Cast', cast),
    behind(side, 'settings', 'Settings', settings),
    behind(side, 'model', 'Model', model),
    { label: 'Player', element: player },
    behind(results, 'takes', 'Takes', takes),
    behind(results, 'export', 'Export', exported),
  ];
  const disposers = new Disposers();
  const keys = mountHeader(header, host, areas, () => focusArea(areas.find((area) => area.element === model)!));
  disposers.add(
    mountSaving(notices, host, bus),
    mountNotices(notices, host),
    mountWelcome(script, host),
    mountEditor(script, host, bus),
    mountCast(cast, host, bus),
    mountSettings(settings, host),
    mountModel(model, host),
    mountGenerateBar(transport, host, bus),
    mountPlayer(player, host, bus),
    mountTakes(takes, host, bus),
    mountExport(exported, host, bus),
    keys.dispose,
    areaKeys(studio, bus, areas, keys.openHelp),
    markTabs(host, side, results),
    registerStudio({ host, bus, element: studio }),
    () => studio.remove(),
  );
  return disposers.dispose;
}

/** Numbers on the tabs: speakers without a voice, turns that are no longer what was spoken. */
function markTabs(host: Host, side: Tabs, results: Tabs): () => void {
  return watch(host, ['speakers', 'turns'], () => {
    const silent = (host.get('speakers') ?? []).filter((speaker) => !speaker.voice);
    const changed = (host.get('turns') ?? []).filter((turn) => turn.context_changed || turn.state === 'changed');
    side.mark('cast', silent.length ? String(silent.length) : '', 'warning', missingVoices(silent));
    results.mark(
      'takes',
      changed.length ? String(changed.length) : '',
      'warning',
      'Turns that have changed since they were spoken',
    );
  });
}
