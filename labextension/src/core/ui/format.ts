/** Formatting of durations, sizes and speeds. */

import { currentLanguage, t } from '../strings';

import { SAMPLE_RATE } from '../audio/resample';

export { SAMPLE_RATE };

/** A duration as on a clock: 0:07, 12:05, 1:02:03; optionally with tenths. */
export function clock(seconds: number, tenths = false): string {
  const unit = tenths ? 10 : 1;
  const total = Math.max(0, Math.round((Number.isFinite(seconds) ? seconds : 0) * unit));
  const whole = Math.floor(total / unit);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = String(whole % 60).padStart(2, '0') + (tenths ? `.${total % 10}` : '');
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/** A duration in a sentence: 0.8 s, 12 s, 3 min 20 s, 1 h 5 min; short ones with `digits` decimals. */
export function span(seconds: number, digits = 1): string {
  if (seconds < 9.95) return t('common.seconds', { value: seconds.toFixed(digits) });
  const whole = Math.round(seconds);
  if (whole < 60) return t('common.seconds', { value: whole });
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (hours) return minutes ? t('common.hours_minutes', { hours, minutes }) : t('common.hours', { hours });
  return rest ? t('common.minutes_seconds', { minutes, seconds: rest }) : t('common.minutes', { minutes });
}

const AGES = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
] as const;

/** Time since a moment, given in seconds since 1970: "2 hr. ago", "yesterday", "now". */
export function ago(moment: number, now = Date.now() / 1000): string {
  const words = new Intl.RelativeTimeFormat(currentLanguage() === 'en' ? 'en' : 'zh-CN', {
    numeric: 'auto',
    style: 'short',
  });
  const past = Math.max(0, now - moment);
  const [unit, size] = AGES.find(([, seconds]) => past >= seconds) ?? ['second', Infinity];
  return words.format(-Math.floor(past / size), unit);
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

/** A real-time factor in words: "1.8× faster than real time (RTF 0.55)". */
export function speed(factor: number): string {
  if (!(factor > 0) || !Number.isFinite(factor)) return '';
  const rtf = factor < 0.1 ? factor.toFixed(3) : factor.toFixed(2);
  const ratio = factor < 1 ? 1 / factor : factor;
  if (ratio < 1.05) return t('common.real_time', { rtf });
  return t(factor < 1 ? 'common.faster' : 'common.slower', { times: ratio.toFixed(1), rtf });
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
