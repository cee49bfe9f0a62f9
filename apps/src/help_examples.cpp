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

constexpr std::string_view kCompletion = R"(Examples:
  streamgate completion bash > ~/.local/share/bash-completion/completions/streamgate
  streamgate completion zsh > ~/.zfunc/_streamgate
  streamgate completion fish > ~/.config/fish/completions/streamgate.fish
)";

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kExamples{{
    {"streamgate", kRoot},
    {"transcode", kTranscode},
    {"probe", kProbe},
    {"plan", kPlan},
    {"presets", kPresets},
    {"verify", kVerify},
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
