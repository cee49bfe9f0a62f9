// Sends a file with the tus project's client and prints its progress, one line of JSON each time.
// In the midst of a request, when more than STOP_BYTES are sent, it stops itself: SIGCONT lets it go on.
//   node send.mjs FOLDER_OF_NODE_MODULES ENDPOINT FILE CHUNK_BYTES STOP_BYTES [UPLOAD_URL]
import fs from "node:fs";
import { createRequire } from "node:module";

const [modules, endpoint, file, chunk, stop, uploadUrl] = process.argv.slice(2);
const require = createRequire(modules + "/");
const tus = require("tus-js-client");

let stopAt = Number(stop) || Infinity;
const upload = new tus.Upload(fs.createReadStream(file), {
  endpoint,
  uploadUrl: uploadUrl || null,
  uploadSize: fs.statSync(file).size,
  chunkSize: Number(chunk),
  retryDelays: [100, 300, 1000, 2000, 3000, 5000, 5000, 5000],
  metadata: { filename: "film one.mov", filetype: "video/quicktime" },
  onProgress: (sent, total) => {
    console.log(JSON.stringify({ sent, total, url: upload.url }));
    if (sent <= stopAt) return;
    stopAt = Infinity;
    process.kill(process.pid, "SIGSTOP");
  },
  onError: (error) => {
    console.log(JSON.stringify({ error: String(error) }));
    process.exit(1);
  },
  onSuccess: () => console.log(JSON.stringify({ done: true, url: upload.url })),
});
upload.start();
