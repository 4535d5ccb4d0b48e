/** Icons, in the theme's colors. */

import { LabIcon } from '@jupyterlab/ui-components';

const drawn = (path: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16"><path class="jp-icon3 jp-icon-selectable" fill="#616161" d="${path}"/></svg>`;

const WAVE = 'M1 7h1.6v2H1zM4.1 4.6h1.7v6.8H4.1zM7.2 2h1.7v12H7.2zM10.2 5h1.7v6h-1.7zM13.3 7H15v2h-1.7z';
const SCRIPT =
  'M3 1h7l3 3v11H3zM4.4 2.4v11.2h7.2V5H9V2.4zM5.4 9.2h.9v1.6h-.9zM7.1 7.6H8v4.8h-.9zM8.7 8.4h.9v3.2h-.9zM10.2 9.2h.6v1.6h-.6z';

export const waveIcon = new LabIcon({ name: 'vibevoice:wave', svgstr: drawn(WAVE) });
export const scriptIcon = new LabIcon({ name: 'vibevoice:script', svgstr: drawn(SCRIPT) });
