// Sends a file with the tus project's client and prints its progress, one line of JSON each time.
//   node send.mjs FOLDER_OF_NODE_MODULES ENDPOINT FILE CHUNK_BYTES [UPLOAD_URL]
import fs from "node:fs";
import { createRequire } from "node:module";

const [modules, endpoint, file, chunk, uploadUrl] = process.argv.slice(2);
const require = createRequire(modules + "/");
const tus = require("tus-js-client");

const upload = new tus.Upload(fs.createReadStream(file), {
  endpoint,
  uploadUrl: uploadUrl || null,
  uploadSize: fs.statSync(file).size,
  chunkSize: Number(chunk),
  retryDelays: [100, 300, 1000, 2000, 3000, 5000, 5000, 5000],
  metadata: { filename: "film one.mov", filetype: "video/quicktime" },
  onProgress: (sent, total) => console.log(JSON.stringify({ sent, total, url: upload.url })),
  onError: (error) => {
    console.log(JSON.stringify({ error: String(error) }));
    process.exit(1);
  },
  onSuccess: () => console.log(JSON.stringify({ done: true, url: upload.url })),
});
upload.start();
