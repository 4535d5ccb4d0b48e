/** Icons, in the theme's colors; that of a script has two speakers. */

import { LabIcon } from '@jupyterlab/ui-components';

const drawn = (...paths: string[]): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16">${paths.join('')}</svg>`;
const themed = (path: string): string => `<path class="jp-icon3 jp-icon-selectable" fill="#616161" d="${path}"/>`;
/** In the color of a speaker, which can be seen on light and on dark. */
const colored = (path: string, color: string): string => `<path fill="${color}" d="${path}"/>`;

const WAVE = 'M1 7h1.6v2H1zM4.1 4.6h1.7v6.8H4.1zM7.2 2h1.7v12H7.2zM10.2 5h1.7v6h-1.7zM13.3 7H15v2h-1.7z';
const SHEET = 'M3 1h7l3 3v11H3zM4.4 2.4v11.2h7.2V5H9V2.4z';
const FIRST = 'M5.2 9.2h1.1v1.8H5.2zM6.9 7.4H8v5.4H6.9z';
const SECOND = 'M8.6 8.3h1.1v3.6H8.6zM10.3 9.4h.8v1.4h-.8z';

export const waveIcon = new LabIcon({ name: 'vibevoice:wave', svgstr: drawn(themed(WAVE)) });
export const scriptIcon = new LabIcon({
  name: 'vibevoice:script',
  svgstr: drawn(themed(SHEET), colored(FIRST, '#0072b2'), colored(SECOND, '#d55e00')),
});
