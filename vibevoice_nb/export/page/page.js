'use strict';
{
  const SKIP = 5; // seconds, for the arrow keys
  const EARLY = 0.02; // seconds; after a jump to a turn, a browser may report a slightly earlier time

  const get = (id) => document.getElementById(id);
  const play = get('play');
  const position = get('position');
  const wave = position.parentElement;
  const turns = [...document.querySelectorAll('.turn')];
  const starts = turns.map((turn) => Number(turn.dataset.start));
  const long = position.max >= 3600;
  let follow = true; // scroll to the current turn, until the reader scrolls
  let current = -1;
  let words = []; // elements of the current turn, if the times of its words are known
  let word = null;

  const address = URL.createObjectURL(
    new Blob([...document.querySelectorAll('script.audio')].map(decoded), { type: 'audio/mpeg' }),
  );
  const audio = new Audio(address);
  get('download').href = address;
  get('download').hidden = false;

  /** Return the bytes of an element with base64, and delete it. */
  function decoded(element) {
    const text = atob(element.textContent);
    element.remove();
    const bytes = new Uint8Array(text.length);
    for (let place = 0; place < bytes.length; place++) bytes[place] = text.charCodeAt(place);
    return bytes;
  }

  function clock(seconds) {
    const whole = Math.floor(seconds);
    const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60)];
    const two = (number) => String(number).padStart(2, '0');
    return long ? `${hours}:${two(minutes % 60)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
  }

  function seek(seconds) {
    audio.currentTime = Math.min(Math.max(seconds, 0), Number(position.max));
    follow = true;
    show();
  }

  function toggle() {
    follow = true;
    if (audio.paused) void audio.play();
    else audio.pause();
  }

  function show() {
    const time = audio.currentTime;
    position.value = time;
    position.setAttribute('aria-valuetext', clock(time));
    wave.style.setProperty('--at', Math.min(time / position.max, 1));
    get('time').textContent = clock(time);
    const next = starts.findLastIndex((start) => start <= time + EARLY);
    if (next !== current) showTurn(next);
    const said = words.findLast((one) => Number(one.dataset.start) <= time + EARLY);
    if (said === word) return;
    word?.classList.remove('now');
    said?.classList.add('now');
    word = said;
    if (follow) said?.scrollIntoView({ block: 'nearest' });
  }

  function showTurn(next) {
    turns[current]?.removeAttribute('aria-current');
    turns[next]?.setAttribute('aria-current', 'true');
    current = next;
    words = [...(turns[next]?.querySelectorAll('i') ?? [])];
    if (follow) turns[next]?.scrollIntoView({ block: 'nearest' });
  }

  function showWhilePlaying() {
    show();
    if (!audio.paused) requestAnimationFrame(showWhilePlaying);
  }

  audio.addEventListener('play', () => {
    play.setAttribute('aria-label', 'Pause');
    requestAnimationFrame(showWhilePlaying);
  });
  audio.addEventListener('pause', () => play.setAttribute('aria-label', 'Play'));
  audio.addEventListener('timeupdate', show); // a hidden page has no animation frames
  play.addEventListener('click', toggle);
  position.addEventListener('input', () => seek(position.valueAsNumber));
  for (const event of ['wheel', 'touchmove']) {
    addEventListener(event, () => (follow = false), { passive: true });
  }

  document.addEventListener('click', ({ target }) => {
    const place = target.closest('[data-start]');
    // A selection of text is no click.
    if (place && getSelection().isCollapsed) seek(Number(place.dataset.start));
  });

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === ' ' && !event.target.closest('button, a')) toggle();
    else if (event.key === 'ArrowLeft') seek(audio.currentTime - SKIP);
    else if (event.key === 'ArrowRight') seek(audio.currentTime + SKIP);
    else return;
    event.preventDefault();
  });
}
