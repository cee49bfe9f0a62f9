#include <array>
#include <utility>

#include "help_page.hpp"

namespace sg::apps {
namespace {

constexpr std::string_view kRoot = R"(Examples:
  streamgate transcode film.mov -o out          HLS and DASH in out/
  streamgate probe film.mov                     what is in a file
  streamgate plan film.mov --preset mobile      what would be made, and why
  streamgate verify out                         is it right?
  streamgate serve                              jobs by HTTP; live: RTMP and SRT in
  streamgate submit film.mov --wait             the same as transcode, by a server

'streamgate COMMAND --help' tells more about each.
Exit codes: 0 all good, 1 some failed, 2 usage, 3 nothing could be read or no server reached,
124 timed out, 130 interrupted.
)";

constexpr std::string_view kTranscode = R"(Examples:
  streamgate transcode film.mov -o out
  streamgate transcode *.mov --preset web-4k -o out --jobs 4
  streamgate transcode film.mov -o out --resume
  streamgate transcode film.mov --set video.crf=21 --set packaging.formats=[dash]
  streamgate transcode --manifest films.csv -o out --json
  camera | streamgate transcode - -o out --publish early

One input is made in DIR, several in DIR/NAME. Open DIR/index.m3u8 (HLS) or DIR/manifest.mpd (DASH).
A manifest is CSV with the header input[,name][,preset], or NDJSON with the same keys.
Ctrl-C stops within two seconds; the same command with --resume goes on.
Exit codes: 0 all good, 1 some failed, 2 usage, 3 nothing could be read, 130 interrupted.
)";

constexpr std::string_view kProbe = R"(Examples:
  streamgate probe film.mov
  streamgate probe film.mov --full              read all of it: proof of frame rate, gaps, jumps
  streamgate probe film.mov --json | jq .streams
)";

constexpr std::string_view kPlan = R"(Examples:
  streamgate plan film.mov --preset web-4k
  streamgate plan film.mov --set video.crf=21 --json | jq .plan.video.chunks
)";

constexpr std::string_view kPresets = R"(Examples:
  streamgate presets list
  streamgate presets show web-hd
  streamgate presets check my.yaml
  streamgate presets create my.yaml --server http://127.0.0.1:8080
)";

constexpr std::string_view kVerify = R"(Examples:
  streamgate verify out
  streamgate verify out --full                  decode every picture
  streamgate verify https://example.com/film/index.m3u8 --json
)";

constexpr std::string_view kServe = R"(Examples:
  streamgate serve                              jobs, RTMP, SRT and HTTP on this machine only
  streamgate serve --config streamgate.yaml
  streamgate serve --rtmp :1935 --http :8080 --set publish.anyone=true
  streamgate serve --set defaults.output.segment=1s

Jobs: 'streamgate submit film.mov', or POST a document to http://HOST:8080/v1/jobs; /docs there
describes the API. What is published as rtmp://HOST/live/NAME plays at
http://HOST:8080/live/NAME/index.m3u8 (HLS) and .../manifest.mpd (DASH); http://HOST:8080/ has a
page that lists and plays all channels.
Flags win over the environment (STREAMGATE_LISTEN_HTTP=...), that over the file.
SIGHUP reads the configuration again, streams go on. Ctrl-C ends them in order, and hands back jobs
that are not done within drain.jobs, to go on at the next start; a second one ends all at once.
)";

constexpr std::string_view kSubmit = R"(Examples:
  streamgate submit film.mov
  streamgate submit film.mov --preset web-4k --set video.crf=21 -o /media/out --wait
  streamgate submit film.mov --upload --server https://video.example --key-file my.key
  streamgate submit --manifest films.csv --priority bulk --json
  streamgate submit --job film.job.yaml --dry-run

Prints the job's id. With --wait it shows progress, and ends as the job does. The same document is
run without a server by 'streamgate transcode --job'.
A server reads files below the folders it was told (jobs.roots); send others with --upload.
Exit codes: 0 good, 1 failed, 2 usage, 3 cannot reach the server, 124 --timeout passed.
)";

constexpr std::string_view kJobs = R"(Examples:
  streamgate jobs list --state running,queued
  streamgate jobs list --tag show=news -n 100 --json | jq -r '.items[].id'
  streamgate jobs show job_0190c4b1-...
  streamgate jobs watch job_0190c4b1-...
)";

constexpr std::string_view kWatch = R"(Examples:
  streamgate watch job_0190c4b1-...
  streamgate watch $(streamgate submit film.mov) --timeout 30m
  streamgate watch job_0190c4b1-... --json | jq -r 'select(.type == "job.progress") | .data.percent'

The jobs go on when you stop watching.
Exit codes: 0 all succeeded, 1 one did not, 3 cannot reach the server, 124 --timeout passed.
)";

constexpr std::string_view kLogs = R"(Examples:
  streamgate logs job_0190c4b1-...
  streamgate logs job_0190c4b1-... --follow --json
)";

constexpr std::string_view kCancel = R"(Examples:
  streamgate cancel job_0190c4b1-... --reason "wrong file"
)";

constexpr std::string_view kRetry = R"(Examples:
  streamgate retry job_0190c4b1-...

What is finished of a job is kept: only the rest is done again.
)";

constexpr std::string_view kKeys = R"(Examples:
  streamgate keys create ci --role submitter --expires 2027-01-01T00:00:00Z
  streamgate keys list
  streamgate keys rotate key_0190c4b1-... --overlap 48h
  streamgate keys revoke key_0190c4b1-...

Needs an admin's key. A server that asks for keys writes the first one to DATA/admin.key.
)";

constexpr std::string_view kDrain = R"(Examples:
  streamgate drain                              what runs goes on, nothing new begins
  streamgate drain --resume
)";

constexpr std::string_view kAudit = R"(Examples:
  streamgate audit verify
  streamgate audit export -o audit.ndjson
  streamgate audit verify audit.ndjson --audit-key streamgate-data/audit.key
)";

constexpr std::string_view kDoctor = R"(Examples:
  streamgate doctor                             this machine, and the server if one runs
  streamgate doctor --json | jq .machine
)";

constexpr std::string_view kReplay = R"(Examples:
  streamgate replay streamgate-data/crashes/crash-2026-01-31T12_00_00.000Z-job_...json
)";

constexpr std::string_view kLive = R"(Examples:
  streamgate live                               waits for a publisher by RTMP or SRT
  streamgate live --name live/studio --preset web-hd --dvr 2h --record
  streamgate live srt --srt :8890 --key-file studio.key
  streamgate live rtmp://camera.example/live/1 loop.mp4       the file while the camera is away
  streamgate live --set output.part=200ms

Inputs are given best first. Without one, publishers use rtmp://HOST/live/stream; it plays at
http://HOST:8080/live/stream/index.m3u8 and .../manifest.mpd. Ctrl-C ends the stream in order.
)";

constexpr std::string_view kConfig = R"(Examples:
  streamgate config check streamgate.yaml
  streamgate config show --config streamgate.yaml
  streamgate config schema > streamgate.schema.json
)";

constexpr std::string_view kCompletion = R"(Examples:
  streamgate completion bash > ~/.local/share/bash-completion/completions/streamgate
  streamgate completion zsh > ~/.zfunc/_streamgate
  streamgate completion fish > ~/.config/fish/completions/streamgate.fish
)";

constexpr std::array<std::pair<std::string_view, std::string_view>, 21> kExamples{{
    {"streamgate", kRoot}, {"transcode", kTranscode}, {"probe", kProbe},
    {"plan", kPlan},       {"presets", kPresets},     {"verify", kVerify},
    {"serve", kServe},     {"submit", kSubmit},       {"jobs", kJobs},
    {"watch", kWatch},     {"logs", kLogs},           {"cancel", kCancel},
    {"retry", kRetry},     {"keys", kKeys},           {"drain", kDrain},
    {"audit", kAudit},     {"doctor", kDoctor},       {"replay", kReplay},
    {"live", kLive},       {"config", kConfig},       {"completion", kCompletion},
}};

}  // namespace

std::string_view help_examples(std::string_view command) {
    for (const auto& [name, text] : kExamples) {
        if (name == command) return text;
    }
    return {};
}

}  // namespace sg::apps
