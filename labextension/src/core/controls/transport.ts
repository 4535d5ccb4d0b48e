/** Generate and Stop, and how far it is. */

import { h } from '../dom';
import type { Bus, Host } from '../host';
import { button, Failures, failureNote, progressBar } from '../kit/elements';
import { clock, count, span, speed } from '../kit/format';
import { Disposers, watch } from '../kit/watch';
import type { ToPage } from '../protocol';
import { isBusy, type JobState, type ProjectState, type Speaker, type TurnState } from '../state';

type Progress = ToPage['progress'];

/** What stands in the way of generating, in words, with what to do; empty when nothing does. */
export function obstacle(host: Host): string {
  const turns = host.get<TurnState[]>('turns') ?? [];
  const faults = (host.get<{ severity: string; line: number }[]>('diagnostics') ?? []).filter((found) => found.severity === 'error');
  if (host.get<ProjectState>('project')?.read_only) return 'This project is open for reading only.';
  if (faults.length) return `Line ${faults[0]!.line} of the script needs a look first.`;
  if (!turns.length) return 'Write a line first, such as “Speaker 1: Hello!”';
  const present = new Set(turns.map((turn) => turn.speaker));
  const speakers = (host.get<Speaker[]>('speakers') ?? []).filter((speaker) => present.has(speaker.label));
  const silent = speakers.find((speaker) => !speaker.voice);
  if (silent) return `${silent.label} needs a voice: choose one under Cast.`;
  const unsure = speakers.find((speaker) => speaker.voice?.needs_consent && !speaker.voice.consent);
  if (unsure) return `Confirm under Cast that you may use the voice of ${unsure.label}.`;
  return '';
}

/** What the button will do: which turns, and how it says so. */
export function plan(host: Host): { label: string; turns: string[] | null } {
  const turns = host.get<TurnState[]>('turns') ?? [];
  if (host.get('mode') === 'whole') return { label: 'Generate the script', turns: null };
  const missing = turns.filter((turn) => turn.state === 'unspoken' || turn.state === 'changed');
  if (!turns.length || missing.length === turns.length) return { label: 'Generate', turns: null };
  if (missing.length) return { label: `Generate ${count(missing.length, 'turn')}`, turns: null };
  return { label: 'Speak all again', turns: turns.map((turn) => turn.id) };
}

export function mountTransport(root: HTMLElement, host: Host, bus: Bus): () => void {
  const failures = new Failures();
  const disposers = new Disposers();
  let progress: Progress | null = null;
  let asked = false;

  const generate = button({ label: 'Generate', icon: 'play', kind: 'primary', title: 'Ctrl+Enter, ⌘ Enter', onclick: () => bus.emit('act', { action: 'generate' }) });
  const stop = button({ label: 'Stop', icon: 'stop', title: 'Esc: stops within a frame; what was made is kept', onclick: () => void cancel() });
  const why = h('span', { class: 'vvnb-hint' });
  const whole = progressBar('Progress in all');
  const turn = progressBar('Progress of this turn');
  const turnText = h('span', { class: 'vvnb-hint vvnb-ellipsis' });
  const allText = h('span', { class: 'vvnb-hint' });
  const bars = h(
    'div',
    { class: 'vvnb-bars' },
    h('div', { class: 'vvnb-stack', 'data-tight': true }, turnText, turn.element),
    h('div', { class: 'vvnb-stack', 'data-tight': true }, allText, whole.element),
  );
  const status = h('span', { class: 'vvnb-visually-hidden', role: 'status' });
  const ended = h('div', { class: 'vvnb-slot' });
  const section = h(
    'section',
    { class: 'vvnb-transport', 'aria-label': 'Generate' },
    h('div', { class: 'vvnb-transport-row' }, h('div', { class: 'vvnb-row', 'data-nowrap': true }, generate, stop), why, bars),
    status,
    ended,
    failures.element,
  );
  root.append(section);

  const job = (): JobState => host.get<JobState>('job');
  const start = async (): Promise<void> => {
    const hindrance = obstacle(host);
    if (isBusy(job()) || asked || hindrance) {
      status.textContent = hindrance;
      return;
    }
    asked = true;
    progress = null;
    render();
    await Promise.resolve(); // values set in this very moment are sent at its end, and belong before the call
    await failures.during(() => host.channel.call('generate', { turns: plan(host).turns }));
    asked = false;
    render();
  };
  const cancel = async (): Promise<void> => {
    if (isBusy(job())) await failures.during(() => host.channel.call('cancel', {}));
  };

  let dismissed = '';
  const render = (): void => {
    const now = job();
    const busy = isBusy(now) || asked;
    const hindrance = obstacle(host);
    generate.replaceChildren(generate.firstChild!, plan(host).label);
    generate.hidden = busy;
    generate.disabled = Boolean(hindrance);
    stop.hidden = !busy;
    why.textContent = busy ? '' : hindrance || summary(host);
    why.hidden = busy || !why.textContent;
    bars.hidden = !busy;
    if (busy) showProgress(now);
    const failed = now.state === 'failed' && now.message && dismissed !== now.id;
    ended.replaceChildren(
      ...(failed
        ? [
            failureNote({ got: now.message }, () => {
              dismissed = now.id;
              render();
            }),
          ]
        : []),
    );
  };
  const showProgress = (now: JobState): void => {
    const mine = progress?.job === now.id ? progress : null;
    whole.set(mine ? mine.seconds / Math.max(mine.estimated, mine.seconds, 0.1) : null);
    turn.set(mine && mine.turn ? mine.turn_seconds / Math.max(mine.turn_estimated, mine.turn_seconds, 0.1) : null);
    turnText.textContent = mine ? turnWords(host, mine) : waiting(now);
    allText.textContent = mine ? overallWords(mine) : now.message;
  };
  disposers.add(
    host.channel.on('progress', (fields) => {
      const first = fields.turn !== progress?.turn;
      progress = fields;
      if (isBusy(job())) showProgress(job());
      if (first) status.textContent = turnWords(host, fields);
    }),
    bus.on('act', ({ action }) => {
      if (action === 'generate') void start();
      if (action === 'stop') void cancel();
    }),
    watch(host, ['job', 'turns', 'speakers', 'diagnostics', 'mode', 'project'], render),
    () => section.remove(),
  );
  let before = job().state;
  disposers.add(
    host.on('job', () => {
      const { state } = job();
      if (state !== before) status.textContent = { finished: 'Finished.', cancelled: 'Stopped; what was made is kept.', failed: '' }[state as string] ?? '';
      before = state;
    }),
  );
  return disposers.dispose;
}

const waiting = (job: JobState): string =>
  ({ queued: 'Waiting for its turn…', loading: 'Loading the model…', speaking: 'Reading the context…' })[job.state as string] ?? 'Starting…';

/** "Turn 3 of 6 · Anna · 2.1 s of about 4.0 s" */
export function turnWords(host: Host, now: Progress): string {
  const turns = host.get<TurnState[]>('turns') ?? [];
  const speaker = turns.find((turn) => turn.id === now.turn)?.speaker;
  const place = `Turn ${Math.min(now.turns_done + 1, now.turns_total)} of ${now.turns_total}`;
  const said = now.turn ? `${span(now.turn_seconds)} of about ${span(Math.max(now.turn_estimated, now.turn_seconds))}` : `${span(now.seconds)} spoken`;
  return [now.turn || now.turns_total > 1 ? place : '', speaker, said].filter(Boolean).join(' · ');
}

/** "0:12 elapsed · 0:20 left · 1.8× faster than real time (RTF 0.55) · first sound after 0.6 s" */
export function overallWords(now: Progress): string {
  const words = [`${clock(now.elapsed)} elapsed`, now.seconds > 0 ? `${clock(now.remaining)} left` : '', speed(now.rtf)];
  if (now.ttfa !== null && now.ttfa !== undefined) words.push(`first sound after ${span(now.ttfa)}`);
  return words.filter(Boolean).join(' · ');
}

/** What is there when nothing is being made. */
function summary(host: Host): string {
  const turns = host.get<TurnState[]>('turns') ?? [];
  const missing = turns.filter((turn) => turn.state === 'unspoken' || turn.state === 'changed');
  if (!turns.length) return '';
  const seconds = turns.reduce((sum, turn) => sum + (turn.seconds ?? turn.estimated), 0);
  if (!missing.length) return `All ${count(turns.length, 'turn')} spoken · ${span(seconds)}`;
  return `${turns.length - missing.length} of ${count(turns.length, 'turn')} spoken · about ${span(seconds)} in all`;
}
