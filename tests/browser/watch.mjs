// node watch.mjs SETUP.json: opens pages in Chromium and prints, as JSON lines, what their players do.
// SETUP: { modules, chromium, seconds, pages: [{ name, url } | { name, script, manifest }] }. `url` is a page that plays by
// itself with hls.js in a global `player`; with `script`, dash.js plays `manifest` on a blank page.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const setup = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const { chromium } = createRequire(path.join(setup.modules, 'x.js'))('playwright-core');
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

// In the page: when the picture stood still for how long, from the first frame on.
const observe = () => {
  const video = document.querySelector('video');
  const seen = { stalls: [], jumps: [], started: 0, last: -1, moved: 0 };
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

const look = () => {
  const video = document.querySelector('video');
  const { started, stalls, jumps, moved } = window.seen;
  const ranges = [...Array(video.buffered.length).keys()].map((i) => [video.buffered.start(i), video.buffered.end(i)]);
  let latency = null;
  try {
    latency = window.dash ? window.dash.getCurrentLiveLatency() : player.latency;
  } catch { /* not playing yet */ }
  return {
    started, stalls, jumps, still: started ? (Date.now() - moved) / 1000 : 0, time: video.currentTime, ranges, latency,
    frames: video.getVideoPlaybackQuality().totalVideoFrames, size: [video.videoWidth, video.videoHeight],
  };
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
    page.on('response', (r) => { if (r.status() >= 400 && !r.url().endsWith('favicon.ico')) say({ page: wanted.name, refused: r.status(), url: r.url() }); });
    if (wanted.url) {
      await page.goto(wanted.url);
      await page.evaluate(observe);
      return { page, name: wanted.name };
    }
    await page.setContent('<video muted></video>');
    await page.addScriptTag({ path: wanted.script });
    await page.evaluate(observe);
    await page.evaluate((manifest) => {
      window.dash = dashjs.MediaPlayer().create();
      window.dash.initialize(document.querySelector('video'), manifest, true);
    }, wanted.manifest);
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
