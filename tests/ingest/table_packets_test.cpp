#include <algorithm>
#include <cstring>
#include <map>

#include <engine/index.hpp>
#include <ingest/facts.hpp>
#include <ingest/source.hpp>
#include <media_av/libav.hpp>
#include <support/catch.hpp>
#include <support/make_clip.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace sg::ingest;
using media::Packet;

namespace {

/// Enough for the look at the first 15 s and for the index's comparison.
constexpr std::uint32_t kHead = 1000;

std::unique_ptr<MediaInput> open(const std::filesystem::path& path,
                                 bool abridge,
                                 std::vector<TableStream> tables = {}) {
    OpenOptions options;
    options.path = path;
    options.abridge = abridge;
    options.tables = std::move(tables);
    options.limits.abridge_from_samples = 0;
    options.limits.abridged_samples = kHead;
    auto input = MediaInput::open(std::move(options));
    INFO((input ? std::string() : input.error().message));
    REQUIRE(input);
    return std::move(*input);
}

engine::Index index_of(MediaInput& input) {
    engine::IndexOptions options;
    options.tables_from_bytes = 0;
    auto index = engine::build_index(input, options);
    INFO((index ? std::string() : index.error().message));
    REQUIRE(index);
    return std::move(*index);
}

/// Stream by stream: the order between them is the reader's business.
std::map<int, std::vector<Packet>> packets_of(MediaInput& input) {
    std::map<int, std::vector<Packet>> packets;
    for (;;) {
        auto packet = input.read_packet();
        if (!packet) {
            CHECK(packet.error().code == Errc::kEndOfStream);
            return packets;
        }
        packets[packet->stream()].push_back(std::move(*packet));
    }
}

/// After a seek: from the point on.
std::vector<Packet> packets_from(MediaInput& input, const pipeline::SeekPoint& point, int stream) {
    REQUIRE(input.seek(point, pipeline::SeekMethod::kTime, stream));
    auto packets = std::move(packets_of(input)[stream]);
    const auto begin = std::find_if(packets.begin(), packets.end(), [&](const Packet& p) {
        return p.key() && matches(p, point, pipeline::SeekMethod::kTime);
    });
    CHECK(begin != packets.end());
    packets.erase(packets.begin(), begin);
    return packets;
}

bool same_side_data(const AVPacket& a, const AVPacket& b) {
    if (a.side_data_elems != b.side_data_elems) return false;
    for (int i = 0; i < a.side_data_elems; ++i) {
        const auto& x = a.side_data[i];
        const auto& y = b.side_data[i];
        if (x.type != y.type || x.size != y.size || std::memcmp(x.data, y.data, x.size) != 0)
            return false;
    }
    return true;
}

std::string told(const Packet& p) {
    return "stream " + std::to_string(p.stream()) + " pts " + std::to_string(p.pts()) + " dts " +
           std::to_string(p.dts()) + " duration " + std::to_string(p.duration()) + " at " +
           std::to_string(p.position()) + " bytes " + std::to_string(p.bytes()) + " flags " +
           std::to_string(p.native()->flags) + " side " +
           std::to_string(p.native()->side_data_elems);
}

void check_same(const std::vector<Packet>& ours, const std::vector<Packet>& theirs) {
    REQUIRE(ours.size() == theirs.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
        const bool same = told(ours[i]) == told(theirs[i]) &&
                          std::ranges::equal(ours[i].data(), theirs[i].data()) &&
                          same_side_data(*ours[i].native(), *theirs[i].native());
        if (same) continue;
        CAPTURE(i);
        REQUIRE(told(ours[i]) == told(theirs[i]));
        FAIL("bytes or side data differ");
    }
}

/// All that a file gives, read by its tables, and from some of its key frames on.
void check_file(const std::filesystem::path& path) {
    const auto whole = open(path, false);
    const auto whole_facts = to_json(whole->facts());
    const auto abridged = open(path, true);
    REQUIRE(abridged->abridged());
    CHECK(to_json(abridged->facts()) == whole_facts);

    const auto index = index_of(*whole);
    CHECK(engine::to_json(index_of(*abridged)) == engine::to_json(index));
    const auto tables = index.table_streams();
    REQUIRE_FALSE(tables.empty());

    const auto ours = open(path, false, tables);
    const auto theirs = open(path, false);
    CHECK(to_json(ours->facts()) == whole_facts);
    const auto mine = packets_of(*ours);
    const auto all = packets_of(*theirs);
    REQUIRE(mine.size() == all.size());
    for (const auto& [stream, packets] : all) check_same(mine.at(stream), packets);
    if (index.video.empty()) return;
    const auto& keys = index.video.front().key_frames;
    const int stream = index.video.front().stream;
    for (const std::size_t at :
         {std::size_t{0}, keys.size() / 3, keys.size() / 2, keys.size() - 1}) {
        const pipeline::SeekPoint point{keys[at].pts, keys[at].dts, keys[at].position};
        check_same(packets_from(*ours, point, stream), packets_from(*theirs, point, stream));
    }
}

test::ClipOptions long_clip() {
    test::ClipOptions clip;
    clip.video[0].width = clip.video[0].height = 32;
    clip.video[0].seconds = clip.audio[0].seconds = 150;
    clip.video[0].options = {{"preset", "ultrafast"}};
    return clip;
}

}  // namespace

TEST_CASE("packets read by the sample tables are those of the demuxer") {
    test::TempFolder folder;
    auto clip = long_clip();
    SECTION("without reordering") {}
    SECTION("B-frames") {
        clip.video[0].b_frames = 3;
    }
    SECTION("negative composition offsets") {
        clip.video[0].b_frames = 2;
        clip.muxer_options = {{"movflags", "negative_cts_offsets"}};
    }
    SECTION("movie header in front") {
        clip.muxer_options = {{"movflags", "faststart"}};
    }
    SECTION("sound that starts late") {
        clip.audio[0].start_s = 0.7;
        clip.video[0].b_frames = 2;
    }
    SECTION("several tracks of sound") {
        clip.audio.push_back(clip.audio[0]);
        clip.audio[1].encoder = "ac3";
        clip.audio[1].layout = "mono";
    }
    SECTION("without edit lists") {
        clip.muxer_options = {{"use_editlist", "0"}};
    }
    SECTION("sound alone") {
        clip.video.clear();
    }
    SECTION("pictures alone") {
        clip.audio.clear();
    }
    check_file(test::make_clip(folder / "a.mp4", clip));
}

TEST_CASE("a file that is no plain MP4 is shown to the demuxer as it is") {
    test::TempFolder folder;
    auto clip = long_clip();
    SECTION("Matroska") {
        CHECK_FALSE(open(test::make_clip(folder / "a.mkv", clip), true)->abridged());
    }
    SECTION("fragments") {
        clip.muxer_options = {{"movflags", "frag_keyframe+empty_moov"}};
        CHECK_FALSE(open(test::make_clip(folder / "a.mp4", clip), true)->abridged());
    }
    SECTION("short") {
        clip.video[0].seconds = clip.audio[0].seconds = 5;
        CHECK_FALSE(open(test::make_clip(folder / "a.mp4", clip), true)->abridged());
    }
}

TEST_CASE("a long movie whose tables do not tell all is read whole") {
    test::TempFolder folder;
    auto clip = long_clip();
    clip.audio[0].encoder = "pcm_s16le";
    const auto path = test::make_clip(folder / "a.mov", clip);
    const auto abridged = open(path, true);
    const auto whole = open(path, false);
    CHECK(engine::to_json(index_of(*abridged)) == engine::to_json(index_of(*whole)));
}
