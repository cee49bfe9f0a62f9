#include <algorithm>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <engine/verify.hpp>
#include <formats/bmff_reader.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

#include "made_presentation.hpp"
#include "verify_reports.hpp"

using namespace sg;
using namespace sg::engine;
using namespace sg::engine::test;

namespace {

namespace fs = std::filesystem;

/// The value of a number behind `name` in a playlist or MPD.
std::string number_after(const std::string& text, const std::string& name) {
    const auto at = text.find(name);
    REQUIRE(at != std::string::npos);
    const auto from = at + name.size();
    return text.substr(from, text.find_first_not_of("0123456789.", from) - from);
}

std::uint32_t read_u32(const std::string& bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
        value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return value;
}

void write_u32(std::string& bytes, std::size_t at, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(value >> (24 - 8 * i));
}

/// Where the first sample of a segment lies.
std::size_t first_sample(const std::string& bytes) {
    const auto parsed =
        formats::parse_segment(std::as_bytes(std::span(bytes.data(), bytes.size())), {});
    REQUIRE(parsed);
    return static_cast<std::size_t>(parsed->fragments.front().samples.front().offset);
}

struct Fixture {
    sg::test::TempFolder folder;
    MadePresentation made = make_presentation(folder.path() / "out");
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a presentation that our writers made passes every check") {
    const auto report = check(made.folder, VerifyMode::kQuick, &made.plan);
    CHECK(failed(report).empty());
    CHECK(warned(report).empty());
    CHECK(report.ok());
    CHECK(report.segments == 12);
    CHECK(report.pictures_decoded == 8);
    for (const char* name :
         {"hls_multivariant", "hls_media_playlist", "hls_durations",      "hls_iframe_playlist",
          "hls_declared",     "hls_bandwidth",      "dash_manifest",      "dash_timeline",
          "dash_declared",    "dash_bandwidth",     "files_present",      "files_unreferenced",
          "init_segment",     "segment_structure",  "segment_continuity", "segment_key_frame",
          "segments_decode",  "tracks_aligned",     "tracks_duration",    "plan_borders"}) {
        INFO(name);
        CHECK(std::any_of(report.checks.begin(), report.checks.end(), [&](const Check& c) {
            return c.name == name;
        }));
    }
}

TEST_CASE_METHOD(Fixture, "full verification decodes every picture") {
    const auto report = check(made.folder, VerifyMode::kFull, &made.plan);
    CHECK(failed(report).empty());
    CHECK(report.pictures_decoded == 200);
}

TEST_CASE_METHOD(Fixture, "renditions in single files pass every check") {
    made.join_segments();
    const auto report = check(made.folder, VerifyMode::kQuick, &made.plan);
    CHECK(failed(report).empty());
    CHECK(warned(report).empty());
    CHECK(report.pictures_decoded == 8);
}

TEST_CASE_METHOD(Fixture, "a single file cut short is a broken segment") {
    made.join_segments();
    const auto file = made / "48p/media.mp4";
    fs::resize_file(file, fs::file_size(file) - 50);
    CHECK(failed(check(made.folder)) == Names{"segment_structure"});
}

TEST_CASE_METHOD(Fixture, "transport streams pass every check") {
    made.add_transport_stream();
    const auto report = check(made.folder, VerifyMode::kFull, &made.plan);
    CHECK(failed(report).empty());
    CHECK(warned(report).empty());
    CHECK(report.pictures_decoded == 300);
}

TEST_CASE_METHOD(Fixture, "a transport stream packet that is lost is found") {
    made.add_transport_stream();
    const auto bytes = load(made / "ts/seg-2.ts");
    store(made / "ts/seg-2.ts", bytes.substr(0, 188 * 4) + bytes.substr(188 * 5));
    const auto names = failed(check(made.folder));
    CHECK(names.contains("segment_structure"));
}

TEST_CASE_METHOD(Fixture, "a truncated segment is a broken structure and nothing else") {
    const auto file = made / "72p/seg-2.m4s";
    fs::resize_file(file, fs::file_size(file) - 20);
    const auto report = check(made.folder, VerifyMode::kQuick, &made.plan);
    CHECK(failed(report) == Names{"segment_structure"});
    CHECK(says(report, "seg-2.m4s"));
}

TEST_CASE_METHOD(Fixture, "an empty segment is a broken structure") {
    store(made / "stereo/seg-3.m4s", "");
    CHECK(failed(check(made.folder)) == Names{"segment_structure"});
}

TEST_CASE_METHOD(Fixture, "a missing segment is one missing file") {
    fs::remove(made / "48p/seg-3.m4s");
    const auto report = check(made.folder, VerifyMode::kQuick, &made.plan);
    CHECK(failed(report) == Names{"files_present"});
    CHECK(says(report, "48p/seg-3.m4s"));
}

TEST_CASE_METHOD(Fixture, "a missing init segment does not cascade") {
    fs::remove(made / ("72p/" + made.tracks.front().description.init_file));
    const auto report = check(made.folder);
    CHECK(failed(report) == Names{"files_present"});
    CHECK(std::count_if(report.checks.begin(), report.checks.end(), [](const Check& c) {
              return !c.ok;
          }) == 1);
}

TEST_CASE_METHOD(Fixture, "a file that no manifest names is a warning") {
    store(made / "72p/seg-9.m4s", "left over");
    const auto report = check(made.folder);
    CHECK(report.ok());
    CHECK(warned(report) == Names{"files_unreferenced"});
}

TEST_CASE_METHOD(Fixture, "a decode time that is off is a gap and an overlap") {
    auto bytes = load(made / "72p/seg-2.m4s");
    // Version 1: the low half of 64 bits.
    for (auto at = bytes.find("tfdt"); at != std::string::npos; at = bytes.find("tfdt", at + 1)) {
        write_u32(bytes, at + 12, read_u32(bytes, at + 12) + 512);
    }
    store(made / "72p/seg-2.m4s", bytes);
    const auto report = check(made.folder, VerifyMode::kQuick, &made.plan);
    CHECK(failed(report) == Names{"segment_continuity",
                                  "dash_timeline",
                                  "hls_iframe_playlist",
                                  "tracks_aligned",
                                  "plan_borders"});
    CHECK(says(report, "a gap of"));
    CHECK(says(report, "an overlap of"));
}

TEST_CASE_METHOD(Fixture, "swapped segments break continuity") {
    fs::rename(made / "stereo/seg-2.m4s", made / "stereo/x");
    fs::rename(made / "stereo/seg-3.m4s", made / "stereo/seg-2.m4s");
    fs::rename(made / "stereo/x", made / "stereo/seg-3.m4s");
    const auto names = failed(check(made.folder));
    CHECK(names.contains("segment_continuity"));
    CHECK(names.contains("dash_timeline"));
    CHECK_FALSE(names.contains("segment_structure"));
    CHECK_FALSE(names.contains("segments_decode"));
}

TEST_CASE_METHOD(Fixture, "a wrong EXTINF is found to the millisecond") {
    replace_in(made / "48p/index.m3u8", "#EXTINF:1.000000", "#EXTINF:1.004000");
    CHECK(failed(check(made.folder)) == Names{"hls_durations"});
}

TEST_CASE_METHOD(Fixture, "declared bandwidth must be what was measured") {
    const auto list = load(made / "index.m3u8");
    const auto declared = std::stoll(number_after(list, ":BANDWIDTH="));
    const auto set = [&](std::int64_t value) {
        made.write_manifests();
        replace_in(made / "index.m3u8",
                   fmt::format(":BANDWIDTH={}", declared),
                   fmt::format(":BANDWIDTH={}", value));
        return failed(check(made.folder));
    };
    CHECK(set(declared * 99 / 100) == Names{"hls_bandwidth"});
    CHECK(set(declared * 109 / 100).empty());
    CHECK(set(declared * 112 / 100) == Names{"hls_bandwidth"});
    made.write_manifests();
    const auto average = number_after(list, "AVERAGE-BANDWIDTH=");
    replace_in(made / "index.m3u8", "AVERAGE-BANDWIDTH=" + average, "AVERAGE-BANDWIDTH=1000");
    CHECK(failed(check(made.folder)) == Names{"hls_bandwidth"});
}

TEST_CASE_METHOD(Fixture, "DASH bandwidth must let a client play on") {
    const auto declared = number_after(load(made / "manifest.mpd"), "bandwidth=\"");
    replace_in(made / "manifest.mpd", "bandwidth=\"" + declared, "bandwidth=\"1000");
    CHECK(failed(check(made.folder)) == Names{"dash_bandwidth"});
}

TEST_CASE_METHOD(Fixture, "what the multivariant playlist declares must be what the media is") {
    SECTION("codec") {
        replace_in(made / "index.m3u8", "CODECS=\"avc1.", "CODECS=\"avc1.7A");
    }
    SECTION("resolution") {
        replace_in(made / "index.m3u8", "RESOLUTION=128x72", "RESOLUTION=1280x720");
    }
    SECTION("frame rate") {
        replace_in(made / "index.m3u8", "FRAME-RATE=25.000", "FRAME-RATE=24.975");
    }
    SECTION("video range") {
        replace_in(made / "index.m3u8", "VIDEO-RANGE=SDR", "VIDEO-RANGE=PQ");
    }
    SECTION("channels") {
        replace_in(made / "index.m3u8", "CHANNELS=\"2\"", "CHANNELS=\"6\"");
    }
    CHECK(failed(check(made.folder)) == Names{"hls_declared"});
}

TEST_CASE_METHOD(Fixture, "what the MPD declares must be what the media is") {
    SECTION("codec") {
        replace_in(made / "manifest.mpd", "codecs=\"mp4a.40.2\"", "codecs=\"mp4a.40.5\"");
    }
    SECTION("size") {
        replace_in(made / "manifest.mpd", " width=\"96\"", " width=\"98\"");
    }
    SECTION("sampling rate") {
        replace_in(
            made / "manifest.mpd", "audioSamplingRate=\"48000\"", "audioSamplingRate=\"44100\"");
    }
    CHECK(failed(check(made.folder)) == Names{"dash_declared"});
}

TEST_CASE_METHOD(Fixture, "the MPD's timeline must be that of the segments") {
    const auto d = number_after(load(made / "manifest.mpd"), " d=\"");
    replace_in(made / "manifest.mpd", " d=\"" + d, " d=\"" + std::to_string(std::stoll(d) + 100));
    CHECK(failed(check(made.folder)).contains("dash_timeline"));
}

TEST_CASE_METHOD(Fixture,
                 "a presentation time offset that is off moves the media out of its period") {
    const auto offset = number_after(load(made / "manifest.mpd"), "presentationTimeOffset=\"");
    replace_in(made / "manifest.mpd",
               "presentationTimeOffset=\"" + offset,
               "presentationTimeOffset=\"" + std::to_string(std::stoll(offset) / 2));
    CHECK(failed(check(made.folder)).contains("dash_timeline"));
}

TEST_CASE_METHOD(Fixture, "a damaged picture is one that does not decode") {
    auto bytes = load(made / "72p/seg-3.m4s");
    const auto from = first_sample(bytes);
    const auto parsed =
        formats::parse_segment(std::as_bytes(std::span(bytes.data(), bytes.size())), {});
    const auto size = parsed->fragments.front().samples.front().size;
    for (std::size_t i = size / 3; i < size - 2; ++i)
        bytes[from + i] = static_cast<char>(~bytes[from + i]);
    store(made / "72p/seg-3.m4s", bytes);
    const auto report = check(made.folder, VerifyMode::kQuick, &made.plan);
    CHECK(failed(report) == Names{"segments_decode"});
    CHECK(says(report, "seg-3.m4s"));
}

TEST_CASE_METHOD(Fixture, "a NAL length that leads nowhere is a broken structure") {
    auto bytes = load(made / "72p/seg-3.m4s");
    bytes[first_sample(bytes)] = '\x7f';
    store(made / "72p/seg-3.m4s", bytes);
    CHECK(failed(check(made.folder)) == Names{"segment_structure"});
}

TEST_CASE_METHOD(Fixture, "damage to any sample's NAL units is seen without decoding it") {
    const auto whole = load(made / "72p/seg-3.m4s");
    const auto parsed =
        formats::parse_segment(std::as_bytes(std::span(whole.data(), whole.size())), {});
    REQUIRE(parsed);
    for (const auto& fragment : parsed->fragments) {
        for (const auto& sample : fragment.samples) {
            // A length one too long, and a header that none may be.
            for (const auto& [at, bit] : {std::pair(3, 1), std::pair(4, 0x80)}) {
                auto bytes = whole;
                auto& byte = bytes[sample.offset + static_cast<std::size_t>(at)];
                byte = static_cast<char>(byte ^ bit);
                store(made / "72p/seg-3.m4s", bytes);
                CAPTURE(sample.offset, at);
                CHECK(failed(check(made.folder, VerifyMode::kOff)) == Names{"segment_structure"});
            }
        }
    }
}

TEST_CASE_METHOD(Fixture, "samples that leave a part of their mdat unused are a warning") {
    const auto path = made / "stereo/seg-3.m4s";
    auto bytes = load(path);
    const auto parsed =
        formats::parse_segment(std::as_bytes(std::span(bytes.data(), bytes.size())), {});
    REQUIRE(parsed);
    const auto size = parsed->fragments.back().samples.back().size;
    std::string stored(4, '\0');
    write_u32(stored, 0, size);
    const auto at = bytes.rfind(stored, bytes.rfind("mdat"));
    REQUIRE(at != std::string::npos);
    write_u32(bytes, at, size - 1);
    store(path, bytes);
    const auto report = check(made.folder, VerifyMode::kOff);
    CHECK(failed(report).empty());
    CHECK(warned(report) == Names{"segment_structure"});
}

TEST_CASE_METHOD(Fixture,
                 "a first picture that only claims to be a key frame is found in the bitstream") {
    auto bytes = load(made / "48p/seg-2.m4s");
    // Walk the NAL units of the first sample to its slice; an IDR slice becomes a plain one.
    auto at = first_sample(bytes);
    while ((bytes[at + 4] & 31) != 5) at += 4 + read_u32(bytes, at);
    bytes[at + 4] = static_cast<char>((bytes[at + 4] & ~31) | 1);
    store(made / "48p/seg-2.m4s", bytes);
    const auto report = check(made.folder);
    CHECK(says(report, "marked as a key frame, but the bitstream is none"));
    const auto names = failed(report);
    CHECK(names.contains("segment_key_frame"));
    CHECK(names.contains("dash_declared"));
    CHECK_FALSE(names.contains("segment_structure"));
}

TEST_CASE_METHOD(Fixture, "an I-frame playlist must name exactly headers and key frame") {
    const auto range = number_after(load(made / "72p/iframes.m3u8"), "#EXT-X-BYTERANGE:");
    const auto offset = number_after(load(made / "72p/iframes.m3u8"), range + "@");
    const auto set = [&](const std::string& from, const std::string& to) {
        made.write_manifests();
        replace_in(made / "72p/iframes.m3u8", from, to);
        return failed(check(made.folder));
    };
    CHECK(set("BYTERANGE:" + range + "@", fmt::format("BYTERANGE:{}@", std::stoll(range) - 1)) ==
          Names{"hls_iframe_playlist"});
    CHECK(set(range + "@" + offset, range + "@" + std::to_string(std::stoll(offset) + 8)) ==
          Names{"hls_iframe_playlist"});
}

TEST_CASE_METHOD(Fixture, "playlists must obey their grammar") {
    SECTION("target duration") {
        replace_in(made / "48p/index.m3u8", "#EXTINF:1.000000", "#EXTINF:1.600000");
    }
    SECTION("version") {
        replace_in(made / "48p/index.m3u8", "#EXT-X-VERSION:6", "#EXT-X-VERSION:3");
    }
    SECTION("no end") {
        replace_in(made / "48p/index.m3u8", "#EXT-X-ENDLIST", "# the end");
    }
    SECTION("not a playlist") {
        store(made / "48p/index.m3u8", "hello");
    }
    SECTION("a way out of the folder") {
        replace_in(made / "48p/index.m3u8", "seg-2.m4s", "../../etc/passwd");
    }
    SECTION("another server") {
        replace_in(made / "48p/index.m3u8", "seg-2.m4s", "http://127.0.0.1/seg-2.m4s");
    }
    const auto report = check(made.folder);
    CHECK(failed(report).contains("hls_media_playlist"));
}

TEST_CASE_METHOD(Fixture, "an MPD must be XML") {
    replace_in(made / "manifest.mpd", "</Period>", "</Perio>");
    CHECK(failed(check(made.folder)) == Names{"dash_manifest"});
}

TEST_CASE_METHOD(Fixture, "an MPD that names other segments than the playlists is found") {
    replace_in(made / "manifest.mpd", "48p/seg-$Number$.m4s", "72p/seg-$Number$.m4s");
    CHECK_FALSE(check(made.folder).ok());
}

TEST_CASE_METHOD(Fixture, "a rendition with other borders is not aligned and not planned") {
    made.plan.video.renditions.front().borders[1] += 512;
    CHECK(failed(check(made.folder, VerifyMode::kQuick, &made.plan)) == Names{"plan_borders"});
}

TEST_CASE_METHOD(
    Fixture,
    "a rendition that the plan does not have, or the presentation does not have, is found") {
    made.plan.video.renditions.back().name = "other";
    const auto report = check(made.folder, VerifyMode::kQuick, &made.plan);
    CHECK(failed(report) == Names{"plan_borders"});
    CHECK(says(report, "the presentation does not"));
    CHECK(says(report, "the plan does not"));
}

TEST_CASE_METHOD(Fixture, "a single manifest or media playlist can be verified alone") {
    CHECK(check(made / "manifest.mpd").ok());
    const auto alone = check(made / "72p/index.m3u8");
    CHECK(alone.ok());
    CHECK(alone.segments == 4);
}

TEST_CASE_METHOD(Fixture, "a pipe under a segment's name does not hang verification") {
    fs::remove(made / "72p/seg-1.m4s");
    REQUIRE(::mkfifo((made / "72p/seg-1.m4s").c_str(), 0600) == 0);
    CHECK(failed(check(made.folder)) == Names{"files_present"});
}

TEST_CASE_METHOD(Fixture, "a folder without manifests is nothing to verify") {
    const auto report = verify(folder.path().string(), VerifyOptions{});
    REQUIRE_FALSE(report);
    CHECK(report.error().code == Errc::kNotFound);
}

TEST_CASE_METHOD(Fixture, "a stop ends verification") {
    std::stop_source stop;
    stop.request_stop();
    VerifyOptions options;
    options.stop = stop.get_token();
    const auto report = verify(made.folder.string(), options);
    REQUIRE_FALSE(report);
    CHECK(report.error().code == Errc::kCancelled);
}

TEST_CASE_METHOD(Fixture, "progress is told on the caller's thread and ends at one") {
    VerifyOptions options;
    double last = -1;
    const auto caller = std::this_thread::get_id();
    bool right_thread = true;
    options.progress = [&](double fraction) {
        right_thread &= std::this_thread::get_id() == caller;
        last = fraction;
    };
    REQUIRE(verify(made.folder.string(), options));
    CHECK(last == 1.0);
    CHECK(right_thread);
}

TEST_CASE("findings of one kind are cut short, and reports read the same in JSON") {
    sg::test::TempFolder folder;
    auto made = make_presentation(folder.path() / "out");
    auto list = load(made / "48p/index.m3u8");
    const auto at = list.find("#EXTINF");
    auto entries = list.substr(at, list.find("#EXT-X-ENDLIST") - at);
    std::string many;
    for (int i = 0; i < 12; ++i) many += fmt::format("#EXTINF:1.000000,\nmissing-{}.m4s\n", i);
    store(made / "48p/index.m3u8", list.substr(0, at) + entries + many + "#EXT-X-ENDLIST\n");
    const auto report = check(made.folder);
    const auto rows = std::count_if(report.checks.begin(), report.checks.end(), [](const Check& c) {
        return c.name == "files_present" && !c.ok;
    });
    CHECK(rows == 6);
    CHECK(says(report, "and 7 more"));
    const auto json = nlohmann::json::parse(report.to_json());
    CHECK(json.at("ok") == false);
    CHECK(json.at("checks").size() == report.checks.size());
    CHECK(describe(report).find("FAILED") != std::string::npos);
}
