#include "quick.hpp"

#include <fstream>
#include <stdexcept>

namespace sg::test {

std::string quick_preset(const TempFolder& folder) {
    const auto path = folder / "quick.yaml";
    std::ofstream out(path);
    out << R"(name: quick
video:
  codec: h264
  speed: ultrafast
  gop: 1s
  chunk: 2s
  ladder:
    - {name: high, width: 160, height: 120, max_bitrate: 400k}
    - {name: low, width: 80, height: 60, max_bitrate: 100k}
audio:
  renditions:
    - {name: audio, codec: aac, channels: 2, bitrate: 64k}
packaging:
  formats: [hls-cmaf, dash]
  segment: 1s
verify: full
)";
    if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
    return path.string();
}

std::vector<std::string> quick_words(const TempFolder& folder,
                                     const std::vector<std::string>& more) {
    std::vector<std::string> words{"transcode", "--preset", quick_preset(folder), "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

ClipOptions flash_and_beep(double seconds) {
    ClipOptions clip;
    clip.video[0].seconds = seconds;
    clip.audio[0].seconds = seconds;
    for (double at = 0.6; at < seconds - 0.1; at += 1) {
        clip.video[0].flash_s.push_back(at);
        clip.audio[0].beep_s.push_back(at);
    }
    return clip;
}

}  // namespace sg::test
