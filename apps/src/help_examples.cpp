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
  streamgate serve                              live: RTMP and SRT in, HLS and DASH out

'streamgate COMMAND --help' tells more about each.
Exit codes: 0 all good, 1 some failed, 2 usage, 3 nothing could be read, 130 interrupted.
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
)";

constexpr std::string_view kVerify = R"(Examples:
  streamgate verify out
  streamgate verify out --full                  decode every picture
  streamgate verify https://example.com/film/index.m3u8 --json
)";

constexpr std::string_view kServe = R"(Examples:
  streamgate serve                              RTMP, SRT and HTTP on this machine only
  streamgate serve --config streamgate.yaml
  streamgate serve --rtmp :1935 --http :8080 --set publish.anyone=true
  streamgate serve --set defaults.output.segment=1s

What is published as rtmp://HOST/live/NAME plays at http://HOST:8080/live/NAME/index.m3u8 (HLS) and
.../manifest.mpd (DASH); http://HOST:8080/ has a page that lists and plays all channels.
Flags win over the environment (STREAMGATE_LISTEN_HTTP=...), that over the file.
SIGHUP reads the configuration again, streams go on. Ctrl-C ends them in order.
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

constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kExamples{{
    {"streamgate", kRoot},
    {"transcode", kTranscode},
    {"probe", kProbe},
    {"plan", kPlan},
    {"presets", kPresets},
    {"verify", kVerify},
    {"serve", kServe},
    {"live", kLive},
    {"config", kConfig},
    {"completion", kCompletion},
}};

}  // namespace

std::string_view help_examples(std::string_view command) {
    for (const auto& [name, text] : kExamples) {
        if (name == command) return text;
    }
    return {};
}

}  // namespace sg::apps
