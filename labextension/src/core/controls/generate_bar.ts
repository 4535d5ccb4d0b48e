/** Generate bar: Generate, or Play when all is generated; Stop; the progress of the job. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { button, Failures, failureNote, progressBar, relabel } from '../ui/elements';
import { menu } from '../ui/menu';
import { Disposers, type Dispose } from '../ui/disposers';
import { watch } from '../ui/watch';
import { IDLE, isBusy, type JobState } from '../host/traits';
import { t } from '../strings';
import { fractionDone, progressOf, waitingText, type Progress } from '../ui/progress';
import { overallText, turnText } from './progress_text';
import { allTurns, blockingReason, primaryAction, scriptSummary } from './readiness';

export function mountGenerateBar(root: HTMLElement, host: Host, bus: Bus): Dispose {
  const bar = new GenerateBar(host, bus);
  root.append(bar.element);
  return bar.dispose;
}

class GenerateBar {
  readonly element: HTMLElement;
  private readonly failures = new Failures();
  private readonly disposers = new Disposers();
  readonly dispose = this.disposers.dispose;
  private readonly generate: HTMLButtonElement;
  private readonly stop = button({
    label: t('common.stop'),
    icon: 'stop',
    title: t('controls.stop_hint'),
    onclick: () => this.bus.emit('act', { action: 'stop' }),
  });
  private readonly more = button({ label: t('controls.more'), icon: 'chevron', bare: true });
  private readonly reason = h('span', { class: 'vvnb-hint' });
  private readonly options: HTMLButtonElement;
  private readonly meters = new Meters();
  private readonly status = h('span', { class: 'vvnb-visually-hidden', role: 'status' });
  private readonly ended = h('div', { class: 'vvnb-slot' });
  private progress: Progress | null = null;
  private starting = false;
  private dismissed = '';
  private lost = false;
  private lastState: string;

  constructor(
    private readonly host: Host,
    private readonly bus: Bus,
  ) {
    this.generate = button({
      label: t('controls.generate'),
      icon: 'play',
      kind: 'primary',
      onclick: () => bus.emit('act', { action: primaryAction(host).kind }),
    });
    menu(this.more, t('controls.more'), () => [
      {
        label: host.get('mode') === 'whole' ? t('controls.generate_script') : t('controls.regenerate_all'),
        icon: 'regenerate',
        disabled: this.blockingReason,
        run: () => void this.start(allTurns(host)),
      },
    ]);
    this.options = button({
      label: t('controls.show_options'),
      kind: 'link',
      title: t('controls.show_options_hint'),
      onclick: () => bus.emit('unsaved', {}),
    });
    this.element = h(
      'section',
      { class: 'vvnb-generate-bar', 'aria-label': t('controls.generate') },
      h(
        'div',
        { class: 'vvnb-generate-bar-row' },
        h('div', { class: 'vvnb-generate-buttons' }, this.generate, this.stop, this.more),
        this.reason,
        this.options,
        this.meters.element,
      ),
      this.status,
      this.ended,
      this.failures.element,
    );
    this.lastState = this.job.state;
    this.disposers.add(
      host.channel.on('progress', (progress) => this.showProgress(progress)),
      bus.on('act', ({ action }) => {
        if (action === 'generate') void this.startMissing();
        if (action === 'stop') void this.cancel();
      }),
      bus.on(
        'regenerate',
        ({ turns, takes }) => void this.begin(() => host.channel.call('regenerate', { turns, takes })),
      ),
      bus.on('fix', (which) => void this.begin(() => host.channel.call('fix', which))),
      bus.on('bestOf', (which) => void this.begin(() => host.channel.call('best_of', which))),
      watch(host, ['job', 'turns', 'speakers', 'diagnostics', 'mode', 'project_state', 'model_state', 'playing'], () =>
        this.render(),
      ),
      host.channel.onConnection((connected) => {
        this.lost = !connected;
        if (this.lost) this.status.textContent = '';
        this.render();
      }),
      () => this.element.remove(),
    );
  }

  private get job(): JobState {
    return this.host.get('job') ?? IDLE;
  }

  private get blockingReason(): string {
    return this.lost ? t('studio.kernel_silent') : blockingReason(this.host);
  }

  /** Generate what is missing; if nothing is, play. */
  private startMissing(): Promise<void> | void {
    if (primaryAction(this.host).kind === 'generate' || this.blockingReason) return this.start(null);
    this.bus.emit('act', { action: 'play' });
  }

  /** Start to generate turns; null stands for all that are missing. */
  private async start(turns: string[] | null): Promise<void> {
    const { blockingReason } = this;
    this.status.textContent = blockingReason;
    if (!blockingReason) await this.begin(() => this.host.channel.call('generate', { turns }));
  }

  /** Start a job, unless one is running. */
  private async begin(call: () => Promise<unknown>): Promise<void> {
    if (isBusy(this.job) || this.starting) return;
    this.starting = true;
    this.progress = null;
    this.render();
    await Promise.resolve(); // traits set just now are sent at the end of this task, and must arrive before the call
    await this.failures.during(call);
    this.starting = false;
    this.render();
  }

  private async cancel(): Promise<void> {
    if (isBusy(this.job)) await this.failures.during(() => this.host.channel.call('cancel', {}));
  }

  private showProgress(progress: Progress): void {
    const isNewTurn = progress.turn !== this.progress?.turn;
    this.progress = progress;
    if (isBusy(this.job)) this.meters.show(this.host, this.job, progress);
    if (isNewTurn) this.status.textContent = turnText(this.host, progress);
  }

  private render(): void {
    const { host, job } = this;
    // A lost kernel has ended its job, whatever state it last reported.
    const busy = (isBusy(job) && host.channel.connected) || this.starting;
    const { blockingReason } = this;
    const { kind, label } = primaryAction(host);
    const playing = kind === 'play' && host.get('playing');
    relabel(this.generate, playing ? t('common.pause') : label, playing ? 'pause' : 'play');
    this.generate.title = t(kind === 'play' ? 'controls.play_hint' : 'controls.generate_hint');
    this.generate.hidden = busy;
    this.generate.disabled = Boolean(blockingReason) && kind === 'generate';
    this.more.hidden = busy || !(host.get('turns') ?? []).some((turn) => turn.takes.length);
    this.stop.hidden = !busy;
    this.reason.textContent = busy ? '' : blockingReason || scriptSummary(host);
    this.reason.hidden = !this.reason.textContent;
    const problem = Boolean(host.get('project_state')?.problem);
    this.options.hidden = busy || !problem;
    if (problem) this.failures.clear(); // the message about saving the project reports it already
    this.meters.element.hidden = !busy;
    if (busy) this.meters.show(host, job, this.progress);
    if (job.state !== this.lastState) this.status.textContent = endText(job);
    this.lastState = job.state;
    this.showFailure(job);
  }

  private showFailure(job: JobState): void {
    const failed = job.state === 'failed' && job.message && this.dismissed !== job.id;
    const dismiss = (): void => {
      this.dismissed = job.id;
      this.render();
    };
    this.ended.replaceChildren(...(failed ? [failureNote({ got: job.message }, dismiss)] : []));
  }
}

function endText({ state }: JobState): string {
  if (state === 'finished') return t('controls.finished');
  return state === 'cancelled' ? t('controls.stopped') : '';
}

/** Progress bars of the current turn and of the whole job. */
class Meters {
  private readonly overall = progressBar(t('controls.overall_progress'));
  private readonly turn = progressBar(t('controls.turn_progress'));
  private readonly turnText = h('span', { class: 'vvnb-hint vvnb-ellipsis' });
  private readonly overallText = h('span', { class: 'vvnb-hint' });
  private readonly turnBar = h('div', { class: 'vvnb-stack', 'data-tight': true }, this.turnText, this.turn.element);
  readonly element = h(
    'div',
    { class: 'vvnb-bars' },
    this.turnBar,
    h('div', { class: 'vvnb-stack', 'data-tight': true }, this.overallText, this.overall.element),
  );

  show(host: Host, job: JobState, progress: Progress | null): void {
    const current = progressOf(job, progress);
    const model = host.get('model_state');
    this.turnBar.hidden = !current;
    this.overall.set(fractionDone(job, current, model));
    this.turn.set(
      current?.turn ? current.turn_seconds / Math.max(current.turn_estimated, current.turn_seconds, 0.1) : null,
    );
    this.turnText.textContent = current ? turnText(host, current) : '';
    this.overallText.textContent = current ? overallText(current) : job.message || waitingText(job, model);
  }
}
