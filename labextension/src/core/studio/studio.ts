/** The Studio: a header, the script, a dock of tabs, and the player. */

import { mountCast, missingVoices } from '../cast/cast';
import { mountModel } from '../controls/model';
import { mountLexicon } from '../pronunciation/lexicon';
import { mountReviewSettings } from '../review/settings';
import { mountSettings } from '../controls/settings';
import { h } from '../ui/dom';
import { mountEditor } from '../editor/editor';
import { mountExport } from '../export/export';
import type { Bus, Host } from '../host/host';
import { t } from '../strings';
import { Disposers, type Dispose } from '../ui/disposers';
import { tabs, type Tabs } from '../ui/elements';
import { recallChoice, remember } from '../ui/remember';
import { watch } from '../ui/watch';
import { mountPlayer } from '../player/player';
import { registerStudio } from '../host/open_studios';
import { mountHeader } from './header';
import { mountLayout } from './layout';
import { areaKeys, focusArea, type Area } from './shortcuts';
import { mountNotices } from './notices';
import { mountSaving } from './saving';
import { mountWelcome } from './welcome';
import { mountTakes } from '../takes/takes';

export interface StudioOptions {
  /** The Studio fills a whole page of its own, as a document does; otherwise it is a cell among others. */
  isDocument?: boolean;
}

export function mountStudio(root: HTMLElement, host: Host, bus: Bus, options: StudioOptions = {}): Dispose {
  const area = (name: string, label: string): HTMLElement =>
    h('section', { class: `vvnb-area vvnb-area-${name}`, 'aria-label': label });
  const panel = (): HTMLElement => h('div', { class: 'vvnb-tab-panel' });
  const [script, player] = [area('script', t('studio.script')), area('player', t('studio.player'))];
  const [cast, turn, settings, exported] = [panel(), panel(), panel(), panel()];
  const dock = tabs(
    t('studio.dock'),
    [
      { id: 'cast', label: t('studio.cast'), icon: 'person', panel: cast },
      { id: 'turn', label: t('studio.turn'), icon: 'wave', panel: turn },
      { id: 'settings', label: t('studio.settings'), icon: 'sliders', panel: settings },
      { id: 'export', label: t('studio.export'), icon: 'download', panel: exported },
    ],
    (id) => remember('dock-tab', id),
  );
  const side = h('section', { class: 'vvnb-area vvnb-area-dock', 'aria-label': t('studio.dock') });
  side.append(dock.list, cast, turn, settings, exported);
  const header = h('header', { class: 'vvnb-header' });
  const notices = h('div', { class: 'vvnb-notices' });
  const studio = h('div', { class: 'vvnb-studio-page' }, header, notices, script, player, side);
  root.append(studio);

  const tab = (id: string, label: string, element: HTMLElement): Area => ({
    label,
    element,
    show: () => dock.select(id),
  });
  const model = h('section', { class: 'vvnb-settings-model', 'aria-label': t('studio.model') });
  settings.append(model);
  const areas = [
    { label: t('studio.script'), element: script },
    tab('cast', t('studio.cast'), cast),
    tab('turn', t('studio.turn'), turn),
    tab('settings', t('studio.settings'), settings),
    tab('export', t('studio.export'), exported),
    { label: t('studio.player'), element: player },
  ];
  const disposers = new Disposers();
  const head = mountHeader(header, host, bus, areas, () => focusArea(tab('settings', '', model)));
  disposers.add(
    mountSaving(notices, host, bus),
    mountNotices(notices, host),
    mountWelcome(script, host, bus),
    mountModel(model, host),
    mountSettings(settings, host),
    bus.on('setUpReview', () => {
      const element = settings.querySelector<HTMLElement>('.vvnb-review-settings');
      if (element) focusArea(tab('settings', '', element));
    }),
    mountReviewSettings(settings, host),
    mountLexicon(settings, host, bus), // before the editor reports the selected turn
    mountEditor(script, host, bus),
    mountCast(cast, host, bus),
    mountPlayer(player, host, bus),
    mountTakes(turn, host, bus),
    mountExport(exported, host, bus),
    head.dispose,
    areaKeys(studio, bus, areas, head.openHelp),
    loadEarly(host),
    mountLayout({ studio, script, dock: side, player }, options.isDocument ?? false),
    markTabs(host, dock),
    registerStudio({ host, bus, element: studio }),
    () => studio.remove(),
  );
  dock.select(recallChoice('dock-tab', ['cast', 'turn', 'settings', 'export']) ?? 'cast');
  return disposers.dispose;
}

/** Load the embedded model when the Studio opens, so that the first audio need not wait for it. */
function loadEarly(host: Host): Dispose {
  let done = false;
  return host.channel.onConnection((connected) => {
    if (!connected) done = false; // a new kernel has loaded nothing
    if (done || !connected || host.get('project_state')?.read_only) return;
    done = true;
    const { state, server } = host.get('model_state');
    const idle = (host.get('model') === 'nano' || server) && state === 'unloaded';
    if (idle) host.channel.call('load_model', {}).catch(() => undefined); // the model badge shows why it failed
  });
}

/** Counts on the tabs: speakers without a voice, turns that have changed since they were generated. */
function markTabs(host: Host, dock: Tabs): Dispose {
  return watch(host, ['speakers', 'turns'], () => {
    const silent = (host.get('speakers') ?? []).filter((speaker) => !speaker.voice && !speaker.default_voice);
    const changed = (host.get('turns') ?? []).filter((turn) => turn.context_changed || turn.state === 'changed');
    dock.mark('cast', silent.length ? String(silent.length) : '', 'warning', missingVoices(silent));
    dock.mark('turn', changed.length ? String(changed.length) : '', 'warning', t('studio.changed_turns'));
  });
}
