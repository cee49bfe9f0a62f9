#include <fstream>

#include <engine/index.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace sg::engine;

namespace {

Index sample() {
    Index index;
    index.identity = {"sha256", std::string(64, 'a'), 1234};
    index.demuxer = "mpegts";
    index.seek = pipeline::SeekMethod::kPosition;
    index.timeline = pipeline::TimelineMap({{0, 0}, {500, -7}});
    VideoIndex video;
    video.stream = 0;
    video.frames = 3;
    video.key_frames = {{0, -5, 10, 100, true, true},
                        {media::kNoTime, media::kNoTime, -1, 200, false, false}};
    video.frame_rate = {25, 1};
    video.deltas = {{40'000'000, 2}};
    video.gaps = {{5, 6}};
    index.video = {video};
    AudioIndex audio;
    audio.stream = 1;
    audio.packets = 9;
    index.audio = {audio};
    index.jumps = {{"backward", 500, 1, 2, 3}};
    index.repairs = {{"clock_jumps", 1, "the clock jumped"}};
    return index;
}

}  // namespace

TEST_CASE("an index comes back from its cache as it was") {
    test::TempFolder folder;
    const auto index = sample();
    REQUIRE(save_index(folder / "cache", index));
    const auto loaded = load_index(folder / "cache", index.identity);
    REQUIRE(loaded);
    CHECK(to_json(*loaded) == to_json(index));
    CHECK(loaded->video[0].key_frames[1].pts == media::kNoTime);
    CHECK_FALSE(describe(*loaded).empty());
}

TEST_CASE("an index of another source or version is not found") {
    test::TempFolder folder;
    const auto index = sample();
    REQUIRE(save_index(folder.path(), index));
    auto other = index.identity;
    other.digest = std::string(64, 'b');
    CHECK(load_index(folder.path(), other).error().code == Errc::kNotFound);
    other = index.identity;
    other.bytes = 5;
    CHECK(load_index(folder.path(), other).error().code == Errc::kNotFound);
    auto text = to_json(index);
    text.replace(text.find("\"index_version\":2"), 17, "\"index_version\":9");
    CHECK(index_from_json(text).error().code == Errc::kNotFound);
}

TEST_CASE("an identity cannot name a file elsewhere") {
    test::TempFolder folder;
    auto index = sample();
    index.identity.digest = "../../etc/passwd";
    CHECK_FALSE(save_index(folder.path(), index));
    CHECK_FALSE(load_index(folder.path(), index.identity));
}

TEST_CASE("damaged index files are refused") {
    const auto good = to_json(sample());
    for (std::size_t i = 0; i < good.size(); i += 3) {
        auto bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 0x15);
        (void)index_from_json(bad);
        const auto cut = index_from_json(good.substr(0, i));
        CHECK_FALSE(cut);
    }
    CHECK(index_from_json(std::string(100'000, '[')).error().code == Errc::kBadData);
    CHECK(index_from_json("{}").error().code == Errc::kBadData);
    CHECK(index_from_json("").error().code == Errc::kBadData);
}
