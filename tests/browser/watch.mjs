// node watch.mjs SETUP.json: opens pages in Chromium and prints, as JSON lines, what their players do.
// SETUP: { modules, chromium, seconds, pages: [{ name, url } | { name, player, script, source, config }] }. `url` is a page that
// plays by itself with hls.js in a global `player`; else `player` (hls.js, dash.js or shaka) of the file `script` plays `source`
// on a blank page. With `code` in SETUP, the time code of bench/time_code.py is read from the pictures: how old they are.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const setup = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const { chromium } = createRequire(path.join(setup.modules, 'x.js'))('playwright-core');
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

// In the page: when the picture stood still for how long, from the first frame on.
const observe = () => {
  const video = document.querySelector('video');
  const seen = { stalls: [], jumps: [], errors: [], started: 0, last: -1, moved: 0 };
  window.seen = seen;
  setInterval(() => {
    const now = Date.now();
    if (video.currentTime === seen.last) return;
    if (seen.started === 0 && video.currentTime > 0 && seen.last >= 0) seen.started = now;
    if (seen.started && now - seen.moved > 400) seen.stalls.push({ from: seen.moved, seconds: (now - seen.moved) / 1000 });
    if (seen.started && video.currentTime - seen.last > 0.5 + (now - seen.moved) / 1000) seen.jumps.push({ at: now, seconds: video.currentTime - seen.last });
    seen.last = video.currentTime;
    seen.moved = now;
  }, 50);
};

// In the page: the age of each fifth picture, in ms, when it is shown.
const readCode = ({ cells, bits }) => {
  const video = document.querySelector('video');
  const canvas = document.createElement('canvas');
  canvas.width = cells * 4;
  canvas.height = 4;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  window.ages = [];
  let count = 0;
  const onFrame = (now, frame) => {
    video.requestVideoFrameCallback(onFrame);
    count += 1;
    if (count % 5 !== 0) return;
    context.drawImage(video, 0, 0, video.videoWidth, video.videoWidth / cells, 0, 0, canvas.width, canvas.height);
    const shown = Date.now() - performance.now() + frame.expectedDisplayTime;
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const cell = [...Array(cells).keys()].map((i) => (data[4 * (canvas.width * 2 + 4 * i + 2)] > 128 ? 1 : 0));
    const number = (from, length) => cell.slice(from, from + length).reduce((sum, bit) => sum * 2 + bit, 0);
    const time = number(0, bits);
    if (number(bits, cells - bits) !== time % 251) return;
    let age = (shown - time) % 2 ** bits;
    if (age < 0) age += 2 ** bits;
    window.ages.push(age);
  };
  video.requestVideoFrameCallback(onFrame);
};

const look = () => {
  const video = document.querySelector('video');
  const { started, stalls, jumps, moved, errors } = window.seen;
  const ranges = [...Array(video.buffered.length).keys()].map((i) => [video.buffered.start(i), video.buffered.end(i)]);
  let latency = null;
  try {
    latency = window.dash ? window.dash.getCurrentLiveLatency() : window.player?.getStats ? window.player.getStats().liveLatency : player.latency;
  } catch { /* not playing yet */ }
  return {
    started, stalls, jumps, errors: errors.splice(0), still: started ? (Date.now() - moved) / 1000 : 0, time: video.currentTime, rate: video.playbackRate, ranges, latency,
    ages: window.ages?.splice(0) ?? [], frames: video.getVideoPlaybackQuality().totalVideoFrames, size: [video.videoWidth, video.videoHeight],
  };
};

// In the page.
const play = async ({ kind, source, config }) => {
  const video = document.querySelector('video');
  if (kind === 'dash.js') {
    window.dash = dashjs.MediaPlayer().create();
    window.dash.updateSettings(config);
    window.dash.initialize(video, source, true);
    return;
  }
  if (kind === 'hls.js') {
    window.player = new Hls(config);
    player.on(Hls.Events.ERROR, (event, data) => { window.seen.errors.push(`${data.fatal ? 'fatal ' : ''}${data.details}`); });
    player.loadSource(source);
    player.attachMedia(video);
  } else {
    shaka.polyfill.installAll();
    window.player = new shaka.Player();
    await player.attach(video);
    player.configure(config);
    player.addEventListener('error', ({ detail }) => window.seen.errors.push(`${detail.category}.${detail.code} ${JSON.stringify(detail.data).slice(0, 200)}`));
    await player.load(source);
  }
  await video.play();
};

const browser = await chromium.launch({
  executablePath: setup.chromium,
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required', '--disable-dev-shm-usage', '--no-first-run'],
});
try {
  const pages = await Promise.all(setup.pages.map(async (wanted) => {
    // Each in a window of its own: tabs in the background are slowed down.
    const page = await (await browser.newContext()).newPage();
    page.on('pageerror', (error) => say({ page: wanted.name, error: error.message }));
    page.on('response', (r) => { if (r.status() >= 400 && !r.url().endsWith('favicon.ico')) say({ page: wanted.name, refused: r.status(), url: r.url(), at: Date.now() }); });
    if (wanted.url) {
      await page.goto(wanted.url);
    } else {
      await page.setContent('<video muted></video>');
      await page.addScriptTag({ path: wanted.script });
    }
    await page.evaluate(observe);
    if (setup.code) await page.evaluate(readCode, setup.code);
    if (!wanted.url) await page.evaluate(play, { kind: wanted.player, source: wanted.source, config: wanted.config ?? {} });
    return { page, name: wanted.name };
  }));
  const until = Date.now() + setup.seconds * 1000;
  while (Date.now() < until) {
    await new Promise((done) => setTimeout(done, 500));
    for (const { page, name } of pages) say({ page: name, now: Date.now(), ...await page.evaluate(look) });
  }
} finally {
  await browser.close();
}
