#include <map>

#include <engine/index.hpp>
#include <ingest/demux_source.hpp>
#include <support/catch.hpp>
#include <support/make_clip.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace sg::ingest;

namespace {

std::unique_ptr<MediaInput> open(const std::filesystem::path& path,
                                 const std::string& demuxer = {}) {
    OpenOptions options;
    options.path = path;
    options.demuxer = demuxer;
    if (!demuxer.empty()) options.depth = Depth::kBrief;
    auto input = MediaInput::open(std::move(options));
    INFO((input ? std::string() : input.error().message));
    REQUIRE(input);
    return std::move(*input);
}

engine::Index index_of(const std::filesystem::path& path) {
    auto input = open(path);
    auto index = engine::build_index(*input, {});
    INFO((index ? std::string() : index.error().message));
    REQUIRE(index);
    return std::move(*index);
}

struct Seen {
    std::vector<std::int64_t> pts;
    std::vector<std::size_t> bytes;
    bool started = false;
    bool ended = false;
    int discontinuities = 0;
};

std::map<int, Seen> drain(DemuxSource& source) {
    std::map<int, Seen> seen;
    for (int guard = 0; guard < 100'000; ++guard) {
        auto item = source.read({});
        INFO((item ? std::string() : item.error().message));
        REQUIRE(item);
        auto& s = seen[item->port];
        CHECK_FALSE(s.ended);
        if (std::holds_alternative<pipeline::StreamStart>(item->item)) s.started = true;
        if (std::holds_alternative<pipeline::Discontinuity>(item->item)) ++s.discontinuities;
        if (const auto* packet = std::get_if<media::Packet>(&item->item)) {
            CHECK(s.started);
            s.pts.push_back(packet->pts());
            s.bytes.push_back(packet->bytes());
        }
        if (std::holds_alternative<pipeline::EndOfStream>(item->item)) s.ended = true;
        if (std::all_of(
                seen.begin(), seen.end(), [](const auto& one) { return one.second.ended; }) &&
            seen.size() >= 1) {
            bool more = false;
            for (const auto& [port, one] : seen) more = more || !one.ended;
            if (!more) break;
        }
    }
    return seen;
}

Seen video_from(const std::filesystem::path& path,
                const engine::Index& index,
                const pipeline::SeekPoint& start,
                std::int64_t stop_ns) {
    DemuxOptions options;
    options.streams = {index.video.front().stream};
    options.timeline = index.timeline;
    options.seek = index.seek;
    options.start = start;
    options.stop_ns = stop_ns;
    const auto demuxer = index.demuxer.substr(0, index.demuxer.find(','));
    auto source = DemuxSource::create(open(path, demuxer), std::move(options));
    REQUIRE(source);
    return drain(**source)[0];
}

constexpr auto kNever = std::numeric_limits<std::int64_t>::max();

}  // namespace

TEST_CASE("from any key frame the same packets come as from the start") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.video[0].seconds = 6;
    clip.video[0].gop = 20;
    for (const char* name :
         {"a.mp4", "a.mkv", "a.ts", "a.mpg", "a.flv", "a.avi", "b.avi", "a.h264"}) {
        CAPTURE(name);
        const std::string file = name;
        test::ClipOptions one = clip;
        one.video[0].b_frames = file == "a.avi" ? 0 : 2;
        if (file == "a.mpg") {
            one.video[0].encoder = "mpeg2video";
            one.audio[0].encoder = "mp2";
        }
        if (file.ends_with(".avi")) one.audio[0].encoder = "mp2";
        if (file == "b.avi") one.video[0].encoder = "mpeg4";
        if (file == "a.h264") one.audio.clear();
        const auto path = test::make_clip(folder / name, one);
        const auto index = index_of(path);
        const auto& video = index.video.front();
        CHECK(video.frames == 150);
        CHECK(video.frame_rate == media::Rational{25, 1});
        CHECK(video.constant_rate);
        REQUIRE(video.key_frames.size() >= 7);
        const auto all = video_from(path, index, {}, kNever);
        CHECK(all.pts.size() == 150);
        CHECK(all.ended);
        for (const std::size_t k : {std::size_t{0}, std::size_t{3}, video.key_frames.size() - 1}) {
            const auto& key = video.key_frames[k];
            const auto part = video_from(path, index, {key.pts, key.dts, key.position}, kNever);
            CAPTURE(k, pipeline::seek_method_name(index.seek));
            REQUIRE_FALSE(part.pts.empty());
            CHECK(part.pts.front() == key.presentation_ns);
            // Pictures in front of the key frame in an open GOP are not delivered.
            std::vector<std::int64_t> expected;
            bool begun = false;
            bool led = true;
            for (const auto pts : all.pts) {
                if (pts == key.presentation_ns) begun = true;
                if (!begun) continue;
                if (led && pts < key.presentation_ns) continue;
                expected.push_back(pts);
            }
            CHECK(part.pts == expected);
        }
    }
}

TEST_CASE("reading ends once everything shown before the stop time was delivered") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.video[0].seconds = 6;
    clip.video[0].b_frames = 3;
    const auto path = test::make_clip(folder / "a.mp4", clip);
    const auto index = index_of(path);
    const std::int64_t stop = index.video.front().first_ns + 2'000'000'000;
    const auto part = video_from(path, index, {}, stop);
    CHECK(std::count_if(part.pts.begin(), part.pts.end(), [&](auto pts) { return pts < stop; }) ==
          50);
    CHECK(part.pts.size() < 60);
    CHECK(part.ended);
}

TEST_CASE("all ports of a source start, carry nanoseconds and end") {
    test::TempFolder folder;
    const auto path = test::make_clip(folder / "a.mkv", {});
    const auto index = index_of(path);
    DemuxOptions options;
    options.streams = {1, 0};
    options.timeline = index.timeline;
    auto source = DemuxSource::create(open(path), std::move(options));
    REQUIRE(source);
    auto seen = drain(**source);
    REQUIRE(seen.size() == 2);
    CHECK(seen[0].ended);
    CHECK(seen[1].ended);
    CHECK(seen[1].pts.size() == 50);
    CHECK(seen[1].pts[1] - seen[1].pts[0] == 40'000'000);
}

TEST_CASE("a jump of the clock comes as one discontinuity on every port and time goes on") {
    test::TempFolder folder;
    test::ClipOptions late;
    late.start_s = 500;
    const auto path = test::join_files(
        {test::make_clip(folder / "1.ts", late), test::make_clip(folder / "2.ts", {})},
        folder / "joined.ts");
    const auto index = index_of(path);
    DemuxOptions options;
    options.streams = {0, 1};
    options.timeline = index.timeline;
    auto source = DemuxSource::create(open(path), std::move(options));
    REQUIRE(source);
    auto seen = drain(**source);
    CHECK(seen[0].discontinuities == 1);
    CHECK(seen[1].discontinuities == 1);
    REQUIRE(seen[0].pts.size() == 100);
    for (std::size_t i = 1; i < seen[0].pts.size(); ++i) {
        const auto delta = seen[0].pts[i] - seen[0].pts[i - 1];
        CHECK(delta > 0);
        CHECK(delta < 200'000'000);
    }
}

TEST_CASE("a stream that is not there and a key frame that is not there are refused") {
    test::TempFolder folder;
    const auto path = test::make_clip(folder / "a.mkv", {});
    DemuxOptions options;
    options.streams = {7};
    CHECK(DemuxSource::create(open(path), options).error().code == Errc::kMismatch);
    options.streams = {0};
    options.start = {123'456'789, media::kNoTime, 5};
    options.seek = pipeline::SeekMethod::kTime;
    auto source = DemuxSource::create(open(path), options);
    REQUIRE(source);
    REQUIRE((*source)->read({}));
    CHECK((*source)->read({}).error().code == Errc::kBadData);
}

TEST_CASE("a stop request cancels a source") {
    test::TempFolder folder;
    const auto path = test::make_clip(folder / "a.mkv", {});
    DemuxOptions options;
    options.streams = {0};
    auto source = DemuxSource::create(open(path), options);
    REQUIRE(source);
    std::stop_source stop;
    stop.request_stop();
    Result<pipeline::PortItem> item = (*source)->read(stop.get_token());
    for (int i = 0; i < 3 && item; ++i) item = (*source)->read(stop.get_token());
    REQUIRE_FALSE(item);
    CHECK(item.error().code == Errc::kCancelled);
}

TEST_CASE("pictures after the stop are counted, however slowly they come") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.video[0].rate = {5, 1};
    clip.video[0].seconds = 8;
    clip.audio.clear();
    for (const int b_frames : {0, 2}) {
        clip.video[0].b_frames = b_frames;
        const auto path = test::make_clip(folder / "a.mp4", clip);
        const auto index = index_of(path);
        const auto origin = index.video.front().first_ns;
        const std::int64_t stop = origin + 4'000'000'000;
        DemuxOptions options;
        options.streams = {index.video.front().stream};
        options.timeline = index.timeline;
        options.stop_ns = stop;
        options.pictures_after = 3;
        auto source = DemuxSource::create(open(path), std::move(options));
        REQUIRE(source);
        auto pts = drain(**source)[0].pts;
        std::sort(pts.begin(), pts.end());
        CAPTURE(b_frames, pts.size());
        const auto first = std::lower_bound(pts.begin(), pts.end(), stop);
        CHECK(first - pts.begin() == 20);
        REQUIRE(pts.end() - first >= 3);
        CHECK(*(first + 2) - stop == Approx(400'000'000).margin(1e6));
        CHECK(pts.end() - first < 10);
    }
}
