#include <fstream>
#include <random>

#include <sys/stat.h>

#include <engine/index.hpp>
#include <ingest/source.hpp>
#include <support/catch.hpp>
#include <support/make_clip.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace sg::ingest;

namespace {

Error refusal(const std::filesystem::path& path, InputLimits limits = {}) {
    OpenOptions options;
    options.path = path;
    options.limits = limits;
    auto input = MediaInput::open(std::move(options));
    REQUIRE_FALSE(input);
    INFO(input.error().message);
    CHECK(input.error().message.find(path.filename().string()) != std::string::npos);
    CHECK(input.error().message.find('\n') == std::string::npos);
    return input.error();
}

void write(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}

bool says(const Error& error, const std::string& words) {
    INFO(error.message);
    return error.message.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("what is no media file is refused with what it seems to be") {
    test::TempFolder folder;
    write(folder / "empty.mp4", "");
    CHECK(says(refusal(folder / "empty.mp4"), "empty"));
    write(folder / "text.mp4", "These are words, not pictures.\n");
    CHECK(says(refusal(folder / "text.mp4"), "it is text"));
    write(folder / "page.mp4", "<!DOCTYPE html><html><body>404</body></html>");
    CHECK(says(refusal(folder / "page.mp4"), "web page"));
    write(folder / "list.m3u8",
          "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nhttp://127.0.0.1:1/a.ts\n");
    CHECK(says(refusal(folder / "list.m3u8"), "HLS playlist"));
    write(folder / "list.txt", "ffconcat version 1.0\nfile /etc/passwd\n");
    CHECK(says(refusal(folder / "list.txt"), "not followed"));
    write(folder / "zip.mp4", std::string("PK\x03\x04") + std::string(2000, 'x'));
    CHECK(says(refusal(folder / "zip.mp4"), "ZIP"));
    write(folder / "zero.mp4", std::string(20'000, '\0'));
    CHECK(says(refusal(folder / "zero.mp4"), "zero bytes"));
    write(folder / "subs.srt",
          "1\n00:00:01,000 --> 00:00:02,000\nHello\n\n2\n00:00:03,000 --> 00:00:04,000\nYou\n");
    CHECK(says(refusal(folder / "subs.srt"), "subtitles"));
    CHECK(refusal(folder / "nothing.mp4").code == Errc::kNotFound);
    std::filesystem::create_directory(folder / "dir.mp4");
    CHECK(says(refusal(folder / "dir.mp4"), "folder"));
    REQUIRE(::mkfifo((folder / "fifo.mp4").c_str(), 0600) == 0);
    CHECK(says(refusal(folder / "fifo.mp4"), "pipe"));
}

TEST_CASE("an MP4 without its index is told apart from other damage") {
    test::TempFolder folder;
    const auto whole = test::make_clip(folder / "whole.mp4", {});
    const auto cut =
        test::cut_file(whole, folder / "cut.mp4", std::filesystem::file_size(whole) / 2);
    CHECK(says(refusal(cut), "moov"));
}

TEST_CASE("an MP4 cut behind its index can be read and says that it is cut") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.muxer_options = {{"movflags", "faststart"}};
    const auto whole = test::make_clip(folder / "whole.mp4", clip);
    OpenOptions options;
    options.path =
        test::cut_file(whole, folder / "cut.mp4", std::filesystem::file_size(whole) * 3 / 4);
    auto input = MediaInput::open(std::move(options));
    REQUIRE(input);
    CHECK((*input)->facts().warnings.front().code == "truncated");
    const auto index = engine::build_index(**input, {});
    REQUIRE(index);
    CHECK(index->truncated);
    CHECK(index->video.front().frames < 50);
    CHECK(index->video.front().frames > 10);
}

TEST_CASE("more pixels, streams or time than allowed are refused") {
    test::TempFolder folder;
    const auto path = test::make_clip(folder / "film.mp4", {});
    InputLimits limits;
    limits.max_pixels = 1000;
    CHECK(refusal(path, limits).code == Errc::kLimit);
    limits = {};
    limits.max_streams = 2;
    CHECK(refusal(path, limits).code == Errc::kLimit);
    limits = {};
    limits.max_duration_s = 1;
    CHECK(refusal(path, limits).code == Errc::kLimit);
}

TEST_CASE("a file of sound and cover only is refused when there is no sound") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.audio.clear();
    clip.video[0].encoder = "mjpeg";
    clip.video[0].pixel_format = "yuvj420p";
    clip.video[0].seconds = 0.04;
    clip.format = "image2";
    clip.muxer_options = {{"update", "1"}};
    test::make_clip(folder / "one.jpg", clip);
    CHECK(says(refusal(folder / "one.jpg"), "single picture"));
}

TEST_CASE("flipped bits anywhere never crash, hang or grow without bound") {
    test::TempFolder folder;
    std::mt19937 random(12345);
    for (const char* name : {"a.mp4", "a.mkv", "a.ts", "a.flv", "a.avi"}) {
        CAPTURE(name);
        test::ClipOptions clip;
        clip.video[0].b_frames = std::string(name) == "a.avi" ? 0 : 2;
        if (std::string(name) == "a.avi") clip.audio[0].encoder = "mp2";
        const auto path = test::make_clip(folder / name, clip);
        std::ifstream in(path, std::ios::binary);
        const std::string good((std::istreambuf_iterator<char>(in)), {});
        for (int round = 0; round < 12; ++round) {
            std::string bad = good;
            for (int i = 0; i < 1 << (round % 8); ++i) {
                auto& byte = bad[random() % bad.size()];
                byte = static_cast<char>(byte ^ (1 << random() % 8));
            }
            write(folder / "bad", bad);
            OpenOptions options;
            options.path = folder / "bad";
            auto input = MediaInput::open(std::move(options));
            if (!input) {
                CHECK_FALSE(input.error().message.empty());
                continue;
            }
            const auto index = engine::build_index(**input, {});
            if (!index) CHECK_FALSE(index.error().message.empty());
        }
    }
}
