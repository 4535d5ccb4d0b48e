// Listens in on everything a page plays, however it plays it. Added before any script of the page runs; the page
// itself knows nothing of it. Results are in window.ear, times in milliseconds since 1970.
(() => {
  const ear = {
    contexts: [],
    loudness: [], // {at, time, rms}: what goes to the loudspeakers, a hundred times a second
    writes: [], // {at, samples}: what was handed to the audio thread
    played: 0, // samples, as the audio thread counts them
    firstPlayed: 0, // when it first had played something of what began after `forget`
    underruns: 0,
    epoch: 0, // counts what the audio thread was told to play
    forgotten: -1,
    forget() {
      this.forgotten = this.epoch;
      this.loudness = [];
      this.writes = [];
      this.firstPlayed = 0;
    },
  };
  window.ear = ear;
  const now = () => performance.timeOrigin + performance.now();

  const listen = (context, node) => {
    const analyser = new AnalyserNode(context, { fftSize: 2048 });
    connect.call(node, analyser);
    const samples = new Float32Array(analyser.fftSize);
    const timer = setInterval(() => {
      if (context.state === 'closed') return clearInterval(timer);
      if (context.state !== 'running') return;
      analyser.getFloatTimeDomainData(samples);
      const rms = Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
      ear.loudness.push({ at: now(), time: context.currentTime, rms });
    }, 10);
  };

  const Context = window.AudioContext;
  window.AudioContext = class extends Context {
    constructor(...options) {
      super(...options);
      ear.contexts.push(this);
    }
  };

  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode) listen(this.context, this);
    return connect.call(this, target, ...rest);
  };

  const post = MessagePort.prototype.postMessage;
  MessagePort.prototype.postMessage = function (message, ...rest) {
    const samples = message?.samples?.length;
    if (samples) ear.writes.push({ at: now(), samples });
    return post.call(this, message, ...rest);
  };

  const Node = window.AudioWorkletNode;
  window.AudioWorkletNode = class extends Node {
    constructor(...options) {
      super(...options);
      this.port.addEventListener('message', ({ data }) => {
        if (typeof data?.played !== 'number') return;
        ear.epoch = data.epoch;
        if (data.played > 0 && data.epoch > ear.forgotten && !ear.firstPlayed) ear.firstPlayed = now();
        ear.played = data.played;
        ear.underruns = data.underruns;
      });
    }
  };

  const start = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (...when) {
    ear.writes.push({ at: now(), samples: this.buffer?.length ?? 0 });
    return start.apply(this, when);
  };
})();
