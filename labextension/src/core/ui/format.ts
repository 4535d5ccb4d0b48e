/** Numbers in words. */

import { SAMPLE_RATE } from '../audio/resample';

export { SAMPLE_RATE };

/** A length on a clock: 0:07, 12:05, 1:02:03; tenths when asked for. */
export function clock(seconds: number, tenths = false): string {
  const unit = tenths ? 10 : 1;
  const total = Math.max(0, Math.round((Number.isFinite(seconds) ? seconds : 0) * unit));
  const whole = Math.floor(total / unit);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = String(whole % 60).padStart(2, '0') + (tenths ? `.${total % 10}` : '');
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/** A span in a sentence: 0.8 s, 12 s, 3 min 20 s, 1 h 5 min. */
export function span(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** The real-time factor as people read it: "1.8× faster than real time (RTF 0.55)". */
export function speed(rtf: number): string {
  if (!(rtf > 0) || !Number.isFinite(rtf)) return '';
  const number = rtf < 0.1 ? rtf.toFixed(3) : rtf.toFixed(2);
  const times = rtf < 1 ? 1 / rtf : rtf;
  if (times < 1.05) return `as fast as real time (RTF ${number})`;
  return `${times.toFixed(1)}× ${rtf < 1 ? 'faster' : 'slower'} than real time (RTF ${number})`;
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
