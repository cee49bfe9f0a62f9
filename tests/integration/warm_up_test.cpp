#include <algorithm>
#include <cmath>

#include <support/catch.hpp>

#include "made.hpp"
#include "program.hpp"
#include "quick.hpp"
#include "watched.hpp"

using namespace sg::test;

TEST_CASE("noise reduction over time does not begin anew where a chunk does") {
    const TempFolder folder;
    // Brighter from frame to frame: the filter lags behind that, by its memory of the frames
    // before.
    auto clip = flash_and_beep(6);
    clip.video[0].flash_s.clear();
    const auto source = make_clip(folder / "film.mp4", clip).string();
    const auto pictures = [&](const std::string& name, std::vector<std::string> more) {
        more.insert(more.begin(), {source, "-o", (folder / name).string(), "--set"});
        const auto ended = streamgate(quick_words(folder, more));
        INFO(ended.out << ended.err);
        REQUIRE(ended.exit_code == 0);
        read_rendition(folder / name, "high").join_to(folder / (name + ".mp4"));
        return watch(folder / (name + ".mp4")).luma;
    };
    const std::vector<std::string> fine{
        "--set", "video.ladder.high.crf=1", "--set", "video.ladder.high.max_bitrate=50M", "--set"};
    const auto with = [&](std::vector<std::string> last) {
        std::vector<std::string> words{"filters.denoise=medium"};
        words.insert(words.end(), fine.begin(), fine.end());
        words.insert(words.end(), last.begin(), last.end());
        return words;
    };
    const auto one = pictures("one", with({"video.chunk=60s"}));
    const auto several = pictures("several", with({"video.chunk=2s"}));
    REQUIRE(one.size() == 150);
    REQUIRE(several.size() == one.size());
    for (std::size_t i = 0; i < one.size(); ++i) {
        CAPTURE(i, one[i], several[i]);
        CHECK(std::abs(one[i] - several[i]) < 0.3);
    }
    // It does lag, or this would prove nothing.
    const auto plain = pictures("plain",
                                {"video.chunk=60s",
                                 "--set",
                                 "video.ladder.high.crf=1",
                                 "--set",
                                 "video.ladder.high.max_bitrate=50M"});
    REQUIRE(plain.size() == one.size());
    double lag = 0;
    for (std::size_t i = 20; i < 60; ++i) lag = std::max(lag, std::abs(plain[i] - one[i]));
    CHECK(lag > 0.6);
}
