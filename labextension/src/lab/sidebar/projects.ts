/** Projects and takes in the file browser's folder: play, open, insert into a notebook. */

import type { CommandRegistry } from '@lumino/commands';

import { h } from '../../core/ui/dom';
import type { Bus } from '../../core/host/host';
import { t } from '../../core/strings';
import { button } from '../../core/ui/elements';
import { clock, span } from '../../core/ui/format';
import type { ListedProject, ListedTake } from '../../core/host/traits';
import type { CommHost } from '../comm_host';
import { Commands } from '../names';

export class ProjectList {
  readonly element = h('ul', { class: 'vvnb-lab-list' });
  private readonly stop: () => void;

  constructor(
    private readonly host: CommHost,
    private readonly bus: Bus,
    private readonly commands: CommandRegistry,
    private readonly folder: () => string,
  ) {
    this.element.setAttribute('aria-label', t('lab.projects'));
    this.stop = host.on('projects', () => this.render());
    this.render();
  }

  dispose(): void {
    this.stop();
  }

  private render(): void {
    const projects = this.host.get('projects') ?? [];
    const none = h('li', { class: 'vvnb-hint' }, t('lab.no_projects'));
    this.element.replaceChildren(...(projects.length ? projects.map((project) => this.project(project)) : [none]));
  }

  private project(project: ListedProject): HTMLElement {
    const { name, path, turns, seconds } = project;
    const about = t('common.turns', { count: turns });
    return h(
      'li',
      null,
      h(
        'details',
        null,
        h(
          'summary',
          { class: 'vvnb-lab-item' },
          h('strong', { class: 'vvnb-grow vvnb-ellipsis' }, name),
          h('span', { class: 'vvnb-hint' }, `${about} · ${clock(seconds)}`),
        ),
        h(
          'div',
          { class: 'vvnb-row' },
          seconds > 0 && this.playButton(t('lab.play_item', { name }), `project:${path}`),
          button({
            label: t('lab.open'),
            icon: 'file',
            size: 'small',
            kind: 'quiet',
            onclick: () => void this.commands.execute(Commands.openProject, { path: this.pathOf(name, '') }),
          }),
          this.insertButton(t('lab.insert_project', { name }), { project: this.pathOf(name, '.vibevoice') }),
        ),
        h('ul', { class: 'vvnb-lab-list' }, ...project.takes.map((take) => this.take(project, take))),
      ),
    );
  }

  private take({ name, path }: ListedProject, { id, text, seconds, starred, model }: ListedTake): HTMLElement {
    return h(
      'li',
      { class: 'vvnb-lab-item', title: `${text} · ${model}` },
      this.playButton(t('lab.play_take', { text }), `take:${id}@${path}`),
      h('span', { class: 'vvnb-grow vvnb-ellipsis' }, starred ? `★ ${text}` : text),
      h('span', { class: 'vvnb-hint' }, span(seconds)),
      this.insertButton(t('lab.insert_take', { text }), {
        project: this.pathOf(name, '.vibevoice'),
        take: id,
      }),
    );
  }

  private pathOf(name: string, suffix: string): string {
    return [this.folder(), `${name}${suffix}`].filter(Boolean).join('/');
  }

  private playButton(label: string, source: string): HTMLElement {
    return button({
      label,
      icon: 'play',
      bare: true,
      size: 'small',
      kind: 'quiet',
      onclick: () => this.bus.emit('audition', { source, autoplay: true }),
    });
  }

  private insertButton(label: string, args: { project: string; take?: string }): HTMLElement {
    return button({
      label,
      icon: 'download',
      bare: true,
      size: 'small',
      kind: 'quiet',
      onclick: () => void this.commands.execute(Commands.insertCell, args),
    });
  }
}
