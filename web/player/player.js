'use strict';

const video = document.getElementById('video');
const list = document.getElementById('channels');
const status = document.getElementById('status');
const facts = document.getElementById('facts');
let player = null;
let playing = null;
let moved = { time: -1, at: 0 };

function say(text) {
  status.textContent = text;
}

function play(channel) {
  playing = channel.name;
  moved = { time: -1, at: Date.now() };
  if (player) player.destroy();
  player = null;
  if (window.Hls && window.Hls.isSupported()) {
    // What a slow start or a stall cost is caught up with; else hls.js stays behind for good.
    player = new window.Hls({ lowLatencyMode: true, maxLiveSyncPlaybackRate: 1.2 });
    player.on(window.Hls.Events.ERROR, (event, data) => {
      if (!data.fatal) return;
      if (data.type === window.Hls.ErrorTypes.MEDIA_ERROR) {
        player.recoverMediaError();
      } else {
        say(`Cannot play ${channel.name}: ${data.details}`);
        setTimeout(() => { if (playing === channel.name) play(channel); }, 3000);
      }
    });
    player.loadSource(channel.hls);
    player.attachMedia(video);
  } else if (video.canPlayType('application/vnd.apple.mpegurl')) {
    video.src = channel.hls;
  } else {
    say('This server was built without hls.js, and this browser does not play HLS itself. ' +
        'Open the address below in a player.');
    facts.textContent = new URL(channel.hls, location.href).href;
    return;
  }
  say(`Playing ${channel.name}`);
  video.play().catch(() => say(`Press play to watch ${channel.name}`));
  show();
}

function show() {
  for (const button of list.querySelectorAll('button')) {
    button.setAttribute('aria-current', String(button.dataset.name === playing));
  }
}

async function refresh() {
  try {
    const answer = await fetch('/live/index.json');
    const { channels } = await answer.json();
    list.replaceChildren(...channels.map((channel) => {
      const button = document.createElement('button');
      button.textContent = channel.name + (channel.ended ? ' (ended)' : '');
      button.dataset.name = channel.name;
      button.addEventListener('click', () => play(channel));
      const item = document.createElement('li');
      item.append(button);
      return item;
    }));
    show();
    // A stream that had ended and is back is another one to the player.
    const current = channels.find((c) => c.name === playing);
    if (current && !current.ended && video.ended) play(current);
    if (channels.length === 0) {
      say('No channel yet: publish a stream, and it appears here.');
    } else if (playing === null) {
      const wanted = decodeURIComponent(location.hash.slice(1));
      const channel = channels.find((c) => c.name === wanted) || (channels.length === 1 && channels[0]);
      if (channel) play(channel); else say('Choose a channel.');
    }
  } catch (error) {
    say(`The server does not answer: ${error.message}`);
  }
}

// hls.js may stop loading without a word while the stream goes on: it begins again then.
function beginAnewIfStuck() {
  const now = Date.now();
  if (video.currentTime !== moved.time || video.currentTime === 0 || video.paused || !player) {
    moved = { time: video.currentTime, at: now };
    return;
  }
  const details = player.latestLevelDetails;
  const missed = details && details.live ? details.edge - video.currentTime : 0;
  if (now - moved.at > 6000 && missed > 4) play({ name: playing, hls: player.url });
}

setInterval(() => {
  beginAnewIfStuck();
  if (player && Number.isFinite(player.latency) && player.latency > 0) {
    facts.textContent = `${video.videoWidth}×${video.videoHeight}, ${player.latency.toFixed(1)} s behind live`;
  }
}, 500);
setInterval(refresh, 5000);
refresh();
