/** Recent projects as cards: waveform, length, takes; to search, open, play and insert into a notebook. */

import { PathExt } from '@jupyterlab/coreutils';
import type { CommandRegistry } from '@lumino/commands';

import { h, replace } from '../../core/ui/dom';
import type { Bus } from '../../core/host/host';
import { t } from '../../core/strings';
import { button } from '../../core/ui/elements';
import { ago, clock, span } from '../../core/ui/format';
import { Keyed } from '../../core/ui/watch';
import type { ListedProject, ListedTake } from '../../core/host/traits';
import { Commands } from '../names';
import { outline } from './outline';
import type { HomeServer, Listed } from './server';

const SUFFIX = '.vibevoice';
const QUIET = { bare: true, size: 'small', kind: 'quiet' } as const;

/** Return true if every word of a query is in a project's name, title, folder or first line. */
export function matches({ name, title, path, opening }: ListedProject, query: string): boolean {
  const text = [name, title, path, opening].join('\n').toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Length of a project: whole, or of the turns that have audio. */
export function lengthOf({ turns, spoken, seconds }: ListedProject): string {
  const whole = t('common.turns', { count: turns });
  if (!spoken) return whole;
  if (spoken < turns) return t('lab.spoken_part', { spoken, turns: whole, length: clock(seconds) });
  return t('lab.spoken_whole', { turns: whole, length: clock(seconds) });
}

export class ProjectList {
  readonly element: HTMLElement;
  private readonly list = h('ul', { class: 'vvnb-lab-list vvnb-lab-cards' });
  private readonly search = h('input', {
    class: 'vvnb-input',
    type: 'search',
    placeholder: t('lab.search_projects'),
    'aria-label': t('lab.search_projects'),
    oninput: () => this.render(),
  });
  private readonly state = h('p', { class: 'vvnb-hint vvnb-lab-state', role: 'status' });
  private readonly cards: Keyed<ListedProject, ProjectCard>;
  private readonly stop: () => void;
  private home: Listed = null;

  constructor(server: HomeServer, bus: Bus, commands: CommandRegistry) {
    this.list.setAttribute('aria-label', t('lab.projects'));
    this.cards = new Keyed(
      this.list,
      (project) => project.path,
      () => new ProjectCard(bus, commands),
    );
    this.element = h('div', { class: 'vvnb-stack' }, this.search, this.list, this.state);
    this.stop = server.watch((home) => {
      this.home = home;
      this.render();
    });
  }

  dispose(): void {
    this.stop();
    this.cards.dispose();
  }

  private render(): void {
    const all = this.home?.projects ?? [];
    const shown = all.filter((project) => matches(project, this.search.value.trim()));
    this.cards.update(shown);
    this.search.hidden = !all.length;
    if (!this.home) this.state.textContent = t('lab.loading_list');
    else if (!all.length) this.state.textContent = t('lab.no_projects');
    else if (!shown.length) this.state.textContent = t('lab.no_match');
    else this.state.textContent = this.home.incomplete ? t('lab.list_incomplete') : '';
    this.state.hidden = !this.state.textContent;
  }
}

class ProjectCard {
  readonly element = h('li', { class: 'vvnb-lab-card' });
  private drawn = '';
  private readonly content = h('div', { class: 'vvnb-stack', 'data-tight': true });
  private readonly changed = h('span', { class: 'vvnb-hint' });
  private readonly takes = h('ul', { class: 'vvnb-lab-list' });
  private readonly count = h('summary', { class: 'vvnb-hint' });
  private readonly details = h('details', null, this.count, this.takes);

  constructor(
    private readonly bus: Bus,
    private readonly commands: CommandRegistry,
  ) {
    this.element.append(this.content, this.details);
  }

  update(project: ListedProject): void {
    this.changed.textContent = t('lab.modified', { ago: ago(project.modified) });
    const now = JSON.stringify(project);
    if (now === this.drawn) return;
    this.drawn = now;
    const { name, title, path, turns, seconds, bars, takes } = project;
    const folder = PathExt.dirname(path);
    const open = (): void => void this.commands.execute(Commands.openProject, { path: path.slice(0, -SUFFIX.length) });
    replace(
      this.content,
      h(
        'button',
        {
          type: 'button',
          class: 'vvnb-lab-open',
          'aria-label': t('lab.open_item', { name: title || name }),
          title: path,
          onclick: open,
        },
        h('span', { class: 'vvnb-lab-outline-box' }, bars.length > 0 && outline(bars)),
        h('strong', { class: 'vvnb-ellipsis' }, title || name),
        (title || folder) &&
          h('span', { class: 'vvnb-hint vvnb-ellipsis' }, [folder, title && name].filter(Boolean).join(' / ')),
      ),
      h(
        'div',
        { class: 'vvnb-row', 'data-nowrap': true },
        h(
          'span',
          { class: 'vvnb-grow vvnb-lab-facts' },
          turns > 0 && h('span', { class: 'vvnb-hint' }, lengthOf(project)),
          this.changed,
        ),
        seconds > 0 &&
          button({
            ...QUIET,
            label: t('lab.play_item', { name }),
            icon: 'play',
            onclick: () => this.play(`project:${path}`),
          }),
        button({
          ...QUIET,
          label: t('lab.insert_project', { name }),
          icon: 'download',
          onclick: () => void this.commands.execute(Commands.insertCell, { project: path }),
        }),
      ),
    );
    this.details.hidden = !takes.length;
    this.count.textContent = t('common.takes', { count: takes.length });
    replace(this.takes, ...takes.map((take) => this.take(path, take)));
  }

  private take(path: string, { id, text, seconds, starred, model }: ListedTake): HTMLElement {
    return h(
      'li',
      { class: 'vvnb-lab-item', title: `${text} · ${model}` },
      button({
        ...QUIET,
        label: t('lab.play_take', { text }),
        icon: 'play',
        onclick: () => this.play(`take:${id}@${path}`),
      }),
      h('span', { class: 'vvnb-grow vvnb-ellipsis' }, starred ? `★ ${text}` : text),
      h('span', { class: 'vvnb-hint' }, span(seconds)),
      button({
        ...QUIET,
        label: t('lab.insert_take', { text }),
        icon: 'download',
        onclick: () => void this.commands.execute(Commands.insertCell, { project: path, take: id }),
      }),
    );
  }

  private play(source: string): void {
    this.bus.emit('audition', { source, autoplay: true });
  }
}
