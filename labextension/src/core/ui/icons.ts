/** Icons on a 16 x 16 grid, in the color and size of the text beside them. */

const PATHS = {
  alert: 'M8 2.2 14.5 13.5h-13zM8 6.4v3.4M8 11.7v.1',
  check: 'M3 8.6 6.4 12 13 4.6',
  chevron: 'm4.5 6.2 3.5 3.6 3.5-3.6',
  chip: 'M4.5 4.5h7v7h-7zM6.2 2v2.5M9.8 2v2.5M6.2 11.5V14M9.8 11.5V14M2 6.2h2.5M2 9.8h2.5M11.5 6.2H14M11.5 9.8H14',
  close: 'm4 4 8 8M12 4l-8 8',
  compare: 'M8 2v12M5.5 4.5h-3v7h3M10.5 4.5h3v7h-3',
  differs: 'M2.8 6h10.4M2.8 10h10.4M11 2.8 5 13.2',
  dice: 'M2.8 2.8h10.4v10.4H2.8zM5.6 5.6v.1M10.4 10.4v.1M10.4 5.6v.1M5.6 10.4v.1',
  download: 'M8 2.5v7.2M4.9 7 8 10l3.1-3M2.8 13.2h10.4',
  ear: 'M4.2 6.2a3.8 3.8 0 0 1 7.6 0c0 2.6-2.6 3-2.6 5.2a2.3 2.3 0 0 1-4.2 1.2M6.4 6.4a1.7 1.7 0 0 1 3.3 0c0 1.3-1.4 1.5-1.4 2.7',
  file: 'M4 1.8h5l3 3v9.4H4zM9 1.8v3h3',
  folder: 'M1.8 12.8V3.5h4l1.5 1.8h6.9v7.5z',
  help: 'M6 6.1a2 2 0 1 1 2.9 1.8c-.6.3-.9.7-.9 1.3M8 11.4v.1M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4z',
  info: 'M8 7.4v3.8M8 4.8v.1M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4z',
  keep: 'M4 2.2h8v11.6l-4-3-4 3z',
  lock: 'M3.8 7.2h8.4v6.3H3.8zM5.6 7.2V5a2.4 2.4 0 0 1 4.8 0v2.2',
  mic: 'M8 10a2.2 2.2 0 0 0 2.2-2.2V4a2.2 2.2 0 1 0-4.4 0v3.8A2.2 2.2 0 0 0 8 10zM3.6 7.8a4.4 4.4 0 0 0 8.8 0M8 12.2v2.2',
  person: 'M8 8.2a2.9 2.9 0 1 0 0-5.8 2.9 2.9 0 0 0 0 5.8zM2.6 14c.5-2.6 2.6-4 5.4-4s4.9 1.4 5.4 4',
  play: 'M4.8 2.9v10.2L13 8z',
  plug: 'M5.5 1.8v3.4M10.5 1.8v3.4M3.8 5.2h8.4v2.6a4.2 4.2 0 0 1-8.4 0zM8 12v2.4M2 14 14 2',
  regenerate: 'M13.2 8A5.2 5.2 0 1 1 11.6 4.2M13.4 2v3h-3',
  sliders: 'M2 4.5h6M11.5 4.5H14M2 11.5h2.5M8 11.5h6M9.7 2.8v3.4M6.2 9.8v3.4',
  star: 'm8 1.9 1.9 3.9 4.2.6-3 3 .7 4.2L8 11.6l-3.8 2 .7-4.2-3-3 4.2-.6z',
  stop: 'M4 4h8v8H4z',
  trash: 'M2.8 4.2h10.4M6.2 4.2V2.4h3.6v1.8M4.2 4.2l.6 9.4h6.4l.6-9.4M6.7 6.8v4.2M9.3 6.8v4.2',
  undo: 'M5.4 2.8 2.6 5.6l2.8 2.8M2.8 5.6h6.4a4 4 0 0 1 0 8H6',
  upload: 'M8 10V2.8M4.9 5.5 8 2.5l3.1 3M2.8 13.2h10.4',
  wave: 'M1.8 8h1.4M5 4.8v6.4M8 2.4v11.2M11 5.4v5.2M12.8 8h1.4',
  back: 'M13.5 8h-10M7.2 4 3.2 8l4 4',
  fit: 'M1.8 3v10M14.2 3v10M4 8h8M6 5.8 3.8 8 6 10.2M10 5.8 12.2 8 10 10.2',
  follow: 'M2 8h7.5M6.7 5 9.7 8l-3 3M12.8 2.5v11',
  loop: 'M11 1.8 13.4 4 11 6.2M13.2 4H5.4A3 3 0 0 0 2.4 7v1M5 14.2 2.6 12 5 9.8M2.8 12h7.8a3 3 0 0 0 3-3V8',
  minus: 'M3.2 8h9.6',
  more: 'M3.5 8v.1M8 8v.1M12.5 8v.1',
  muted: 'M2 6v4h2.6L8.2 13V3L4.6 6zM10.8 6.2l3.4 3.6M14.2 6.2l-3.4 3.6',
  pause: 'M4.2 3h2.4v10H4.2zM9.4 3h2.4v10H9.4z',
  plus: 'M8 3.2v9.6M3.2 8h9.6',
  spectrum: 'M1.8 13.2h12.4M3.4 11V8.4M6 11V4.6M8.6 11V2.6M11.2 11V6.2M13 11V9.2',
  volume: 'M2 6v4h2.6L8.2 13V3L4.6 6zM10.6 5.8a3 3 0 0 1 0 4.4M12.6 3.8a5.9 5.9 0 0 1 0 8.4',
  next: 'M4 3.2v9.6L10.4 8zM12.4 3.2v9.6',
  previous: 'M12 3.2v9.6L5.6 8zM3.6 3.2v9.6',
} as const;

export type IconName = keyof typeof PATHS;

const FILLED: ReadonlySet<IconName> = new Set(['next', 'pause', 'play', 'previous', 'stop']);

export function icon(name: IconName, filled = FILLED.has(name)): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('class', 'vvnb-icon');
  svg.setAttribute('aria-hidden', 'true');
  if (filled) svg.setAttribute('data-filled', '');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}
