#include <algorithm>

#include <ingest/identity.hpp>
#include <ingest/source.hpp>
#include <ingest/spool.hpp>
#include <media_av/libav.hpp>
#include <support/catch.hpp>
#include <support/make_clip.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace sg::ingest;
using media::MediaType;

namespace {

std::unique_ptr<MediaInput> open(const std::filesystem::path& path) {
    OpenOptions options;
    options.path = path;
    auto input = MediaInput::open(std::move(options));
    INFO((input ? std::string() : input.error().message));
    REQUIRE(input);
    return std::move(*input);
}

bool warns(const SourceFacts& facts, const std::string& code) {
    return std::any_of(facts.warnings.begin(), facts.warnings.end(), [&](const Warning& w) {
        return w.code == code;
    });
}

}  // namespace

TEST_CASE("facts of a plain film are told") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.video[0].rate = {30000, 1001};
    clip.video[0].b_frames = 2;
    clip.audio[0].language = "ger";
    clip.metadata["title"] = "A film";
    clip.chapters = {{0, 1, "One"}, {1, 2, "Two"}};
    const auto input = open(test::make_clip(folder / "film.mp4", clip));
    const auto& facts = input->facts();
    CHECK(facts.demuxer == "mov,mp4,m4a,3gp,3g2,mj2");
    CHECK(facts.title == "A film");
    REQUIRE(facts.chapters.size() == 2);
    CHECK(facts.chapters[1].title == "Two");
    CHECK(facts.chapters[1].start_ns == 1'000'000'000);
    const auto* video = facts.best_video();
    REQUIRE(video != nullptr);
    CHECK(video->codec == media::CodecId::kH264);
    CHECK(video->video.width == 160);
    CHECK(video->video.true_rate == media::Rational{30000, 1001});
    CHECK_FALSE(video->video.variable_rate);
    CHECK(video->video.has_b_frames);
    CHECK(video->video.bit_depth == 8);
    CHECK(video->video.chroma == "4:2:0");
    CHECK(video->start_ns() == 0);
    REQUIRE(video->stream_info());
    CHECK_FALSE(video->stream_info()->extradata.empty());
    const auto* audio = facts.best_audio();
    REQUIRE(audio != nullptr);
    CHECK(audio->language_tag == "de");
    CHECK(audio->audio.layout == "stereo");
    CHECK(audio->audio.sample_rate == 48000);
    CHECK(audio->audio.frame_samples == 1024);
    CHECK(audio->edits.present);
    CHECK(audio->edits.skip_ns == Approx(1024.0 / 48000 * 1e9).margin(1e5));
    // The list of chapters is a track of its own in this container.
    for (const auto& w : facts.warnings) CHECK(w.code == "data_ignored");
    CHECK(to_json(facts).find("\"language_tag\": \"de\"") != std::string::npos);
    CHECK(describe(facts).find("29.970 fps") != std::string::npos);
}

TEST_CASE("rotation, pixel shape, odd size and colour are told, with warnings") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.video[0].rotation = 90;
    clip.video[0].sar = {4, 3};
    clip.video[0].pixel_format = "yuv444p";
    clip.video[0].width = 161;
    clip.video[0].height = 121;
    clip.video[0].primaries = 1;
    clip.video[0].transfer = 1;
    clip.video[0].matrix = 1;
    clip.audio.clear();
    const auto input = open(test::make_clip(folder / "odd.mov", clip));
    const auto& facts = input->facts();
    const auto& video = facts.best_video()->video;
    CHECK(video.rotation == 90);
    CHECK_FALSE(video.flip);
    CHECK(video.sar == media::Rational{4, 3});
    CHECK(video.chroma == "4:4:4");
    CHECK(video.colour.primaries == 1);
    for (const char* code : {"rotated", "non_square_pixels", "odd_size", "no_audio"}) {
        CAPTURE(code);
        CHECK(warns(facts, code));
    }
}

TEST_CASE("interlaced pictures are told") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.video[0].encoder = "mpeg2video";
    clip.video[0].interlaced = true;
    clip.audio[0].encoder = "mp2";
    const auto input = open(test::make_clip(folder / "i.ts", clip));
    CHECK(input->facts().best_video()->video.interlaced);
    CHECK(warns(input->facts(), "interlaced"));
    CHECK(input->facts().best_video()->video.true_rate == media::Rational{25, 1});
}

TEST_CASE("a varying rate is noticed in the first part") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.audio.clear();
    std::int64_t at = 0;
    for (int n = 0; n < 80; ++n) {
        clip.video[0].times_ms.push_back(at);
        at += 20 + (n * 37) % 41;
    }
    const auto input = open(test::make_clip(folder / "vfr.mkv", clip));
    CHECK(input->facts().best_video()->video.variable_rate);
    CHECK(warns(input->facts(), "variable_frame_rate"));
}

TEST_CASE("several languages and late sound are told") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.audio = {test::ClipAudio{}, test::ClipAudio{}};
    clip.audio[0].language = "eng";
    clip.audio[0].start_s = 0.5;
    clip.audio[1].layout = "5.1";
    clip.audio[1].language = "fra";
    clip.audio[1].disposition = AV_DISPOSITION_VISUAL_IMPAIRED;
    const auto input = open(test::make_clip(folder / "two.mkv", clip));
    const auto& facts = input->facts();
    REQUIRE(facts.streams.size() == 3);
    CHECK(facts.streams[1].language_tag == "en");
    CHECK(facts.streams[2].language_tag == "fr");
    CHECK(facts.streams[2].audio.channels == 6);
    CHECK(facts.best_audio()->index == 1);
    CHECK(warns(facts, "audio_starts_later"));
}

TEST_CASE("packets looked at while opening are read again afterwards") {
    test::TempFolder folder;
    test::ClipOptions clip;
    const auto path = test::make_clip(folder / "film.mkv", clip);
    const auto input = open(path);
    int video = 0;
    for (auto p = input->read_packet(); p; p = input->read_packet())
        video += p->stream() == 0 ? 1 : 0;
    CHECK(video == 50);
    CHECK(input->read_packet().error().code == Errc::kEndOfStream);
}

TEST_CASE("deselected streams are not handed out") {
    test::TempFolder folder;
    const auto input = open(test::make_clip(folder / "film.mp4", {}));
    input->select({1});
    for (auto p = input->read_packet(); p; p = input->read_packet()) CHECK(p->stream() == 1);
}

TEST_CASE("a stop request ends reading") {
    test::TempFolder folder;
    const auto input = open(test::make_clip(folder / "film.mp4", {}));
    std::stop_source source;
    input->set_stop(source.get_token());
    REQUIRE(input->read_packet());
    source.request_stop();
    CHECK(input->read_packet().error().code == Errc::kCancelled);
}

TEST_CASE("pictures with a number in their name become a film") {
    test::TempFolder folder;
    for (int n = 3; n < 13; ++n) {
        test::ClipOptions clip;
        clip.audio.clear();
        clip.video[0].encoder = "mjpeg";
        clip.video[0].pixel_format = "yuvj420p";
        clip.video[0].seconds = 0.04;
        clip.format = "image2";
        clip.muxer_options = {{"update", "1"}};
        test::make_clip(folder / ("p" + std::to_string(1000 + n) + ".jpg"), clip);
    }
    SpoolOptions options;
    options.folder = folder.path();
    options.image_rate = {10, 1};
    for (const char* pattern : {"p%04d.jpg", "p10*.jpg"}) {
        CAPTURE(pattern);
        auto local = open_local((folder / pattern).string(), options);
        INFO((local ? std::string() : local.error().message));
        REQUIRE(local);
        OpenOptions open_options;
        open_options.fd = std::move(local->fd);
        open_options.name = local->name;
        auto input = MediaInput::open(std::move(open_options));
        REQUIRE(input);
        CHECK((*input)->facts().best_video()->video.true_rate == media::Rational{10, 1});
        CHECK((*input)->facts().best_video()->video.packets_seen == 10);
    }
}

TEST_CASE("the same bytes have the same identity, other bytes another") {
    test::TempFolder folder;
    const auto a = test::make_clip(folder / "a.mp4", {});
    const auto copy = test::cut_file(a, folder / "b.mp4", UINT64_MAX);
    const auto cut = test::cut_file(a, folder / "c.mp4", std::filesystem::file_size(a) - 1);
    const auto identity = [](const std::filesystem::path& path) {
        OpenOptions options;
        options.path = path;
        options.identify = true;
        auto input = MediaInput::open(std::move(options));
        REQUIRE(input);
        return (*input)->facts().identity;
    };
    CHECK(identity(a) == identity(copy));
    CHECK(identity(a).kind == "sha256");
    CHECK_FALSE(identity(a) == identity(cut));
}
