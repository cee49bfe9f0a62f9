#include <packagers/dash_presentation.hpp>
#include <packagers/hls_presentation.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

#include "made_presentation.hpp"
#include "verify_reports.hpp"

using namespace sg;
using namespace sg::engine;
using namespace sg::engine::test;

namespace fs = std::filesystem;

namespace {

/// A presentation in two stretches of two seconds each.
struct Fixture {
    Fixture() {
        std::vector<packagers::Stretch> stretches{{0, made.tracks}, {2'000'000, made.tracks}};
        for (auto& t : stretches[0].tracks) t.segments.resize(2);
        for (auto& t : stretches[1].tracks)
            t.segments.erase(t.segments.begin(), t.segments.begin() + 2);
        packagers::MediaPlaylistOptions media;
        media.target_seconds = packagers::final_target_seconds(stretches);
        for (const auto& t : made.tracks) {
            const auto& name = t.description.rendition;
            store(made / (name + "/index.m3u8"), packagers::media_playlist(stretches, name, media));
            fs::remove(made / (name + "/iframes.m3u8"));
        }
        packagers::MultivariantOptions options;
        options.target_seconds = media.target_seconds;
        options.iframe_playlists = false;
        store(made / "index.m3u8", packagers::multivariant_playlist(stretches, options));
        store(made / "manifest.mpd", packagers::dash_manifest(stretches));
    }

    sg::test::TempFolder folder;
    MadePresentation made = make_presentation(folder.path() / "out");
};

}  // namespace

TEST_CASE_METHOD(Fixture, "discontinuities and their Periods pass every check") {
    const auto report = check(made.folder, VerifyMode::kFull);
    CHECK(failed(report).empty());
    CHECK(warned(report).empty());
    CHECK(report.segments == 12);
    CHECK(report.pictures_decoded == 200);
}

TEST_CASE_METHOD(Fixture, "a discontinuity that a playlist lacks is found") {
    replace_in(made / "stereo/index.m3u8", "#EXT-X-DISCONTINUITY\n", "");
    const auto report = check(made.folder);
    CHECK(failed(report).contains("tracks_aligned"));
    CHECK(says(report, "it has 0 discontinuities, 72p has 1"));
}

TEST_CASE_METHOD(Fixture, "a discontinuity at another time is found") {
    auto text = load(made / "48p/index.m3u8");
    const std::string tag = "#EXT-X-DISCONTINUITY\n";
    text.erase(text.find(tag), tag.size());
    text.insert(text.rfind("#EXTINF"), tag);
    store(made / "48p/index.m3u8", text);
    const auto report = check(made.folder);
    CHECK(says(report, "its discontinuity 1 comes after 3.000 s"));
}

TEST_CASE_METHOD(Fixture, "a Period that does not begin where the one before ends is found") {
    replace_in(made / "manifest.mpd", "start=\"PT2S\"", "start=\"PT2.5S\"");
    const auto report = check(made.folder);
    CHECK(failed(report).contains("dash_manifest"));
    CHECK(says(report, "Period \"1\" starts at 2.500 s, the one before ends at 2.000 s"));
}

TEST_CASE_METHOD(Fixture, "a Period that is longer than its media is found") {
    replace_in(made / "manifest.mpd", "duration=\"PT2S\"", "duration=\"PT2.3S\"");
    replace_in(made / "manifest.mpd", "start=\"PT2S\"", "start=\"PT2.3S\"");
    CHECK(says(check(made.folder), "Period \"0\" is 2.300 s, the media ends at 2.0"));
}

TEST_CASE_METHOD(Fixture, "a set that goes on from a Period that is not there is found") {
    replace_in(made / "manifest.mpd",
               "period-connectivity:2015\" value=\"0\"",
               "period-connectivity:2015\" value=\"7\"");
    CHECK(says(check(made.folder), "goes on from Period \"7\""));
}

TEST_CASE_METHOD(Fixture, "a presentationTimeOffset that forgets the Period is found") {
    auto text = load(made / "manifest.mpd");
    const std::string name = "presentationTimeOffset=\"";
    const auto first = text.find(name) + name.size();
    const auto value = text.substr(first, text.find('"', first) - first);
    const auto second = text.find(name, text.find("<Period id=\"1\"")) + name.size();
    text.replace(second, text.find('"', second) - second, value);
    store(made / "manifest.mpd", text);
    CHECK(failed(check(made.folder)).contains("dash_timeline"));
}

TEST_CASE_METHOD(Fixture, "an MPD of one Period over discontinuities is read for itself") {
    store(made / "manifest.mpd", packagers::dash_manifest(made.tracks));
    const auto report = check(made.folder);
    CHECK(failed(report).empty());
    CHECK(report.segments == 24);
}
