// This server was built without hls.js: the browser must play HLS itself.
