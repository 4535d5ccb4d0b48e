/** Generate and Stop, and how far it is. */

import { h } from '../ui/dom';
import type { Bus, Host } from '../host/host';
import { button, Failures, failureNote, progressBar } from '../ui/elements';
import { clock, count, span, speed } from '../ui/format';
import { fractionDone, progressOf, turnPlace, waitingText, type Progress } from '../ui/progress';
import { Disposers, watch } from '../ui/watch';
import { IDLE, isBusy, isMissing, secondsOf, type JobState, type TurnState } from '../host/traits';

/** What stands in the way of generating, in words, with what to do; empty when nothing does. */
export function obstacle(host: Host): string {
  const turns = host.get('turns') ?? [];
  const faults = (host.get('diagnostics') ?? []).filter((found) => found.severity === 'error');
  const project = host.get('project');
  if (project?.read_only) return 'This project is open for reading only.';
  if (project?.problem)
    return project.unsaved
      ? 'Not saved: the script shown is not in the project’s folder.'
      : 'Not saved: the project cannot be written.';
  if (faults.length) return `Fix line ${faults[0]!.line} of the script first.`;
  if (!turns.length) return 'Write a line first, such as “Speaker 1: Hello!”';
  if (turns.every((turn) => turn.state === 'unspeakable')) return 'The model cannot speak any turn of this script.';
  const present = new Set(turns.map((turn) => turn.speaker));
  const speakers = (host.get('speakers') ?? []).filter((speaker) => present.has(speaker.label));
  const silent = speakers.find((speaker) => !speaker.voice);
  if (silent) return `${silent.label} needs a voice: choose one under Cast.`;
  const unsure = speakers.find((speaker) => speaker.voice?.needs_consent && !speaker.voice.consent);
  if (unsure) return `Confirm under Cast that you may use the voice of ${unsure.label}.`;
  return '';
}

/** The turns that the model can speak. */
function speakable(host: Host): TurnState[] {
  return (host.get('turns') ?? []).filter((turn) => turn.state !== 'unspeakable');
}

/** What the button will do: which turns, and how it says so. */
export function plan(host: Host): { label: string; turns: string[] | null } {
  const turns = speakable(host);
  if (host.get('mode') === 'whole') return { label: 'Generate the script', turns: null };
  const missing = turns.filter(isMissing);
  if (!turns.length || missing.length === turns.length) return { label: 'Generate', turns: null };
  if (missing.length) return { label: `Generate ${count(missing.length, 'turn')}`, turns: null };
  return { label: 'Speak all again', turns: turns.map((turn) => turn.id) };
}

export function mountTransport(root: HTMLElement, host: Host, bus: Bus): () => void {
  const transport = new Transport(host, bus);
  root.append(transport.element);
  return () => transport.dispose();
}

class Transport {
  readonly element: HTMLElement;
  private readonly failures = new Failures();
  private readonly disposers = new Disposers();
  private readonly generate: HTMLButtonElement;
  private readonly stop = button({
    label: 'Stop',
    icon: 'stop',
    title: 'Esc: stops within a frame; what was made is kept',
    onclick: () => void this.cancel(),
  });
  private readonly why = h('span', { class: 'vvnb-hint' });
  private readonly options: HTMLButtonElement;
  private readonly meters = new Meters();
  private readonly status = h('span', { class: 'vvnb-visually-hidden', role: 'status' });
  private readonly ended = h('div', { class: 'vvnb-slot' });
  private progress: Progress | null = null;
  private asked = false;
  private dismissed = '';
  private lost = false;
  private before: string;

  constructor(
    private readonly host: Host,
    bus: Bus,
  ) {
    this.generate = button({
      label: 'Generate',
      icon: 'play',
      kind: 'primary',
      title: 'Ctrl+Enter, ⌘ Enter',
      onclick: () => bus.emit('act', { action: 'generate' }),
    });
    this.options = button({
      label: 'Show options',
      kind: 'link',
      title: 'Go to the message about the project, with its buttons',
      onclick: () => bus.emit('unsaved', {}),
    });
    this.element = h(
      'section',
      { class: 'vvnb-transport', 'aria-label': 'Generate' },
      h(
        'div',
        { class: 'vvnb-transport-row' },
        h('div', { class: 'vvnb-row', 'data-nowrap': true }, this.generate, this.stop),
        this.why,
        this.options,
        this.meters.element,
      ),
      this.status,
      this.ended,
      this.failures.element,
    );
    this.before = this.job.state;
    this.disposers.add(
      host.channel.on('progress', (fields) => this.heard(fields)),
      bus.on('act', ({ action }) => {
        if (action === 'generate') void this.start();
        if (action === 'stop') void this.cancel();
      }),
      bus.on('regenerate', ({ turn }) => void this.failures.during(() => host.channel.call('regenerate', { turn }))),
      watch(host, ['job', 'turns', 'speakers', 'diagnostics', 'mode', 'project', 'model_state'], () => this.render()),
      host.channel.onConnection((connected) => {
        this.lost = !connected;
        if (this.lost) this.status.textContent = '';
        this.render();
      }),
      () => this.element.remove(),
    );
  }

  dispose(): void {
    this.disposers.dispose();
  }

  private get job(): JobState {
    return this.host.get('job') ?? IDLE;
  }

  private get hindrance(): string {
    return this.lost ? 'The kernel does not answer.' : obstacle(this.host);
  }

  private async start(): Promise<void> {
    const hindrance = this.hindrance;
    if (isBusy(this.job) || this.asked || hindrance) {
      this.status.textContent = hindrance;
      return;
    }
    this.asked = true;
    this.progress = null;
    this.render();
    await Promise.resolve(); // values set in this very moment are sent at its end, and belong before the call
    await this.failures.during(() => this.host.channel.call('generate', { turns: plan(this.host).turns }));
    this.asked = false;
    this.render();
  }

  private async cancel(): Promise<void> {
    if (isBusy(this.job)) await this.failures.during(() => this.host.channel.call('cancel', {}));
  }

  private heard(fields: Progress): void {
    const another = fields.turn !== this.progress?.turn;
    this.progress = fields;
    if (isBusy(this.job)) this.meters.show(this.host, this.job, fields);
    if (another) this.status.textContent = turnWords(this.host, fields);
  }

  private render(): void {
    const { host, job } = this;
    // A job of a kernel that is gone has ended, whatever it said last.
    const busy = (isBusy(job) && host.channel.connected) || this.asked;
    const { hindrance } = this;
    this.generate.replaceChildren(this.generate.firstChild!, plan(host).label);
    this.generate.hidden = busy;
    this.generate.disabled = Boolean(hindrance);
    this.stop.hidden = !busy;
    this.why.textContent = busy ? '' : hindrance || summary(host);
    this.why.hidden = !this.why.textContent;
    const problem = Boolean(host.get('project')?.problem);
    this.options.hidden = busy || !problem;
    if (problem) this.failures.clear(); // the message about the project says it, with its buttons
    this.meters.element.hidden = !busy;
    if (busy) this.meters.show(host, job, this.progress);
    if (job.state !== this.before) this.status.textContent = ENDS[job.state] ?? '';
    this.before = job.state;
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

const ENDS: Partial<Record<JobState['state'], string>> = {
  finished: 'Finished.',
  cancelled: 'Stopped; what was made is kept.',
};

/** How far the turn is, and all of it. */
class Meters {
  private readonly whole = progressBar('Progress in all');
  private readonly turn = progressBar('Progress of this turn');
  private readonly turnText = h('span', { class: 'vvnb-hint vvnb-ellipsis' });
  private readonly allText = h('span', { class: 'vvnb-hint' });
  private readonly about = h('div', { class: 'vvnb-stack', 'data-tight': true }, this.turnText, this.turn.element);
  readonly element = h(
    'div',
    { class: 'vvnb-bars' },
    this.about,
    h('div', { class: 'vvnb-stack', 'data-tight': true }, this.allText, this.whole.element),
  );

  show(host: Host, job: JobState, progress: Progress | null): void {
    const mine = progress && progressOf(job, progress);
    const model = host.get('model_state');
    this.about.hidden = !mine;
    this.whole.set(fractionDone(job, mine, model));
    this.turn.set(mine?.turn ? mine.turn_seconds / Math.max(mine.turn_estimated, mine.turn_seconds, 0.1) : null);
    this.turnText.textContent = mine ? turnWords(host, mine) : '';
    this.allText.textContent = mine ? overallWords(mine) : job.message || waitingText(job, model);
  }
}

/** "Turn 3 of 6 · Anna · 2.1 s of about 4.0 s": all of it about the turn that is being generated. */
export function turnWords(host: Host, now: Progress): string {
  if (!now.turn) return `${span(now.seconds)} spoken`;
  const turns = host.get('turns') ?? [];
  const speaker = turns.find((turn) => turn.id === now.turn)?.speaker;
  const said = `${span(now.turn_seconds)} of about ${span(Math.max(now.turn_estimated, now.turn_seconds))}`;
  return [turnPlace(host.get('job'), now), speaker, said].filter(Boolean).join(' · ');
}

/** "0:12 elapsed · 0:20 left · 1.8× faster than real time (RTF 0.55) · first sound after 0.6 s" */
export function overallWords(now: Progress): string {
  const words = [
    `${clock(now.elapsed)} elapsed`,
    typeof now.remaining === 'number' ? `${clock(now.remaining)} left` : '',
    speed(now.rtf),
  ];
  if (now.ttfa !== null && now.ttfa !== undefined) words.push(`first sound after ${span(now.ttfa)}`);
  return words.filter(Boolean).join(' · ');
}

/** What is there when nothing is being made. */
export function summary(host: Host): string {
  const turns = speakable(host);
  const skipped = (host.get('turns') ?? []).length - turns.length;
  const more = skipped ? ` · ${count(skipped, 'turn')} skipped` : '';
  const missing = turns.filter(isMissing);
  if (!turns.length) return '';
  const seconds = turns.reduce((sum, turn) => sum + secondsOf(turn), 0);
  if (!missing.length) return `All ${count(turns.length, 'turn')} spoken · ${span(seconds)}${more}`;
  return `${turns.length - missing.length} of ${count(turns.length, 'turn')} spoken · about ${span(seconds)} in all${more}`;
}
