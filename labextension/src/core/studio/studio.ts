/** The Studio: script, cast, settings, player, takes and export in one view. */

import { mountCast, missingVoices } from '../cast/cast';
import { mountModel } from '../controls/model';
import { mountSettings } from '../controls/settings';
import { mountGenerateBar } from '../controls/generate_bar';
import { h } from '../ui/dom';
import { mountEditor } from '../editor/editor';
import { mountExport } from '../export/export';
import type { Bus, Host } from '../host/host';
import { t } from '../strings';
import { Disposers, type Dispose } from '../ui/disposers';
import { tabs, type Tabs } from '../ui/elements';
import { watch } from '../ui/watch';
import { mountPlayer } from '../player/player';
import { registerStudio } from '../host/open_studios';
import { mountHeader } from './header';
import { areaKeys, focusArea, type Area } from './shortcuts';
import { mountNotices } from './notices';
import { mountSaving } from './saving';
import { mountWelcome } from './welcome';
import { mountTakes } from '../takes/takes';

export function mountStudio(root: HTMLElement, host: Host, bus: Bus): Dispose {
  const place = (name: string, label: string): HTMLElement =>
    h('section', { class: `vvnb-area vvnb-area-${name}`, 'aria-label': label });
  const panel = (): HTMLElement => h('div', { class: 'vvnb-tab-panel' });
  const [script, player] = [place('script', t('studio.script')), place('player', t('studio.player'))];
  const [cast, settings, model, takes, exported] = [panel(), panel(), panel(), panel(), panel()];
  const side = tabs(t('studio.side_tabs'), [
    { id: 'cast', label: t('studio.cast'), icon: 'person', panel: cast },
    { id: 'settings', label: t('studio.settings'), icon: 'sliders', panel: settings },
    { id: 'model', label: t('studio.model'), icon: 'chip', panel: model },
  ]);
  const results = tabs(t('studio.result_tabs'), [
    { id: 'takes', label: t('studio.takes'), icon: 'wave', panel: takes },
    { id: 'export', label: t('studio.export'), icon: 'download', panel: exported },
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
    { label: t('studio.script'), element: script },
    behind(side, 'cast', t('studio.cast'), cast),
    behind(side, 'settings', t('studio.settings'), settings),
    behind(side, 'model', t('studio.model'), model),
    { label: t('studio.player'), element: player },
    behind(results, 'takes', t('studio.takes'), takes),
    behind(results, 'export', t('studio.export'), exported),
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

/** Counts on the tabs: speakers without a voice, turns that have changed since they were generated. */
function markTabs(host: Host, side: Tabs, results: Tabs): Dispose {
  return watch(host, ['speakers', 'turns'], () => {
    const silent = (host.get('speakers') ?? []).filter((speaker) => !speaker.voice);
    const changed = (host.get('turns') ?? []).filter((turn) => turn.context_changed || turn.state === 'changed');
    side.mark('cast', silent.length ? String(silent.length) : '', 'warning', missingVoices(silent));
    results.mark('takes', changed.length ? String(changed.length) : '', 'warning', t('studio.changed_turns'));
  });
}
