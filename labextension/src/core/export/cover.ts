/** Cover picture of the project in the export panel: chosen or dropped, shown small, removed. */

import { CallError } from '../host/channel';
import type { Host } from '../host/host';
import type { CoverPicture } from '../host/traits';
import { t } from '../strings';
import { Disposers } from '../ui/disposers';
import { h } from '../ui/dom';
import { acceptFiles } from '../ui/drops';
import { button, Failures, relabel } from '../ui/elements';
import { bytes } from '../ui/format';
import { watch } from '../ui/watch';

/** Limit of the kernel, checked here before the upload. */
const LARGEST = 4 * 2 ** 20;
const TYPES = ['image/png', 'image/jpeg'];

export class CoverField {
  readonly element: HTMLElement;
  private busy = false;
  /** Version of the picture shown; null if there is none. */
  private version: string | null = null;
  private readonly failures = new Failures();
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  private readonly picture = h('img', { class: 'vvnb-cover-picture', hidden: true });
  private readonly facts = h('span', { class: 'vvnb-hint', role: 'status' });
  private readonly chooser = h('input', {
    type: 'file',
    accept: TYPES.join(','),
    hidden: true,
    tabindex: -1,
    'aria-label': t('export.cover_file'),
    onchange: () => {
      this.choose(this.chooser.files?.[0]);
      this.chooser.value = '';
    },
  });
  private readonly opener = button({
    label: t('export.choose_cover'),
    icon: 'upload',
    size: 'small',
    title: t('export.choose_cover_hint'),
    onclick: () => this.chooser.click(),
  });
  private readonly remover = button({
    label: t('export.remove_cover'),
    size: 'small',
    kind: 'quiet',
    onclick: () => void this.during(() => this.host.channel.call('clear_cover', {})),
  });

  constructor(private readonly host: Host) {
    this.element = h(
      'div',
      { class: 'vvnb-cover vvnb-drop', 'data-drop-text': t('export.drop_cover') },
      h(
        'div',
        { class: 'vvnb-row', 'data-nowrap': true },
        this.picture,
        h(
          'div',
          { class: 'vvnb-stack', 'data-tight': true },
          h('div', { class: 'vvnb-row' }, this.opener, this.remover, this.chooser),
          this.facts,
        ),
      ),
      this.failures.element,
    );
    this.disposers.add(
      acceptFiles(
        this.element,
        () => !this.opener.disabled,
        (file) => this.choose(file),
      ),
      watch(host, ['cover', 'project_state'], () => this.update()),
      () => this.forget(),
    );
  }

  private update(): void {
    const cover = this.host.get('cover') ?? null;
    const readOnly = this.host.get('project_state')?.read_only ?? false;
    this.opener.disabled = this.remover.disabled = this.busy || readOnly;
    relabel(this.opener, t(cover ? 'export.replace_cover' : 'export.choose_cover'), 'upload');
    this.facts.textContent = this.busy ? t('export.saving_cover') : cover ? described(cover) : t('export.no_cover');
    if (!cover && this.remover.matches(':focus')) this.opener.focus(); // a hidden button loses the focus
    this.remover.hidden = !cover;
    if (cover?.version !== this.version) void this.show(cover);
  }

  /** Fetch and show a picture. */
  private async show(cover: CoverPicture | null): Promise<void> {
    this.forget();
    this.version = cover?.version ?? null;
    if (!cover) return;
    const answer = await this.host.channel.call('cover', {}).catch(() => null);
    if (this.version !== cover.version) return; // it was replaced meanwhile
    const view = answer?.buffers[0];
    if (!view) {
      this.version = null; // the next update tries again
      return;
    }
    const contents = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
    this.picture.src = URL.createObjectURL(new Blob([contents], { type: 'image/png' }));
    this.picture.alt = t('export.cover_alt');
    this.picture.hidden = false;
  }

  private forget(): void {
    this.version = null;
    this.picture.hidden = true;
    if (this.picture.src) URL.revokeObjectURL(this.picture.src);
    this.picture.removeAttribute('src');
  }

  private choose(file: File | undefined): void {
    if (file) void this.during(() => this.save(file));
  }

  private async save(file: File): Promise<void> {
    const expected = t('export.cover_expected', { size: bytes(LARGEST) });
    if (!TYPES.includes(file.type))
      throw new CallError(t('export.cover_kind', { file: file.name }), expected, t('export.cover_kind_remedy'));
    if (file.size > LARGEST)
      throw new CallError(
        t('export.cover_large', { file: file.name, size: bytes(file.size) }),
        expected,
        t('export.cover_large_remedy'),
      );
    await this.host.channel.call('set_cover', {}, [await file.arrayBuffer()]);
  }

  /** Run a change, one at a time; the focus stays where it was. */
  private async during(change: () => Promise<unknown>): Promise<void> {
    const focused = [this.opener, this.remover].find((one) => one.matches(':focus'));
    this.busy = true;
    this.update();
    await this.failures.during(change);
    this.busy = false;
    this.update();
    (focused?.hidden ? this.opener : focused)?.focus();
  }
}

function described({ width, height, size }: CoverPicture): string {
  return t('export.cover_facts', { width, height, size: bytes(size) });
}
