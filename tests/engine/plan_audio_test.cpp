#include <algorithm>
#include <set>

#include <support/catch.hpp>

#include "plan_fixture.hpp"

using namespace sg;
using namespace sg::engine;
using namespace sg::engine::test;

namespace {

using Strings = std::vector<std::string>;

Strings audio_names(const pipeline::Plan& plan) {
    Strings all;
    for (const auto& r : plan.audio) all.push_back(r.name);
    return all;
}

/// German first, English as the default, an English commentary, and a described English track.
Source languages() {
    Source source;
    source.add_video({});
    AudioTrait audio;
    audio.language = "ger";
    source.add_audio(audio);
    audio.language = "eng";
    source.add_audio(audio).disposition.is_default = true;
    source.add_audio(audio).disposition.comment = true;
    source.add_audio(audio).disposition.visual_impaired = true;
    return source;
}

AudioTrait surround(media::CodecId codec, const std::string& detail) {
    AudioTrait audio;
    audio.channels = 6;
    audio.codec = codec;
    audio.codec_detail = detail;
    audio.frame_samples = 1536;
    audio.language = "en";
    return audio;
}

}  // namespace

TEST_CASE("one track of each language, the source's default in front") {
    const auto plan = planned(languages(), preset("web-hd"));
    CHECK(audio_names(plan) == Strings{"audio-en", "audio-de"});
    CHECK(plan.audio[0].source_stream == 2);
    CHECK(plan.audio[0].is_default);
    CHECK_FALSE(plan.audio[1].is_default);
    CHECK(plan.audio[1].label == "German");
    CHECK(reasons(plan, "stream_skipped").find("stream 3") != std::string::npos);
}

TEST_CASE("all tracks, when asked for, have names of their own") {
    const auto plan = planned(languages(), preset("web-hd", {{"audio.tracks", "all"}}));
    CHECK(audio_names(plan) == Strings{"audio-en", "audio-de", "audio-en-2", "audio-en-3"});
    std::set<std::string> labels;
    for (const auto& r : plan.audio) labels.insert(r.label);
    CHECK(labels == std::set<std::string>{
                        "English", "German", "English (commentary)", "English (described)"});
    CHECK(plan.audio[3].describes_video);
}

TEST_CASE("only the languages that the preset asks for, its first in front") {
    auto plan = planned(languages(), preset("web-hd", {{"audio.languages", "[de, en]"}}));
    CHECK(audio_names(plan) == Strings{"audio-de", "audio-en"});
    plan = planned(languages(), preset("web-hd", {{"audio.languages", "[deu]"}}));
    CHECK(audio_names(plan) == Strings{"audio-de"});
    plan = planned(languages(), preset("web-hd", {{"audio.languages", "[fr]"}}));
    CHECK(audio_names(plan) == Strings{"audio-en"});
    CHECK(noted(plan, "language_missing"));
}

TEST_CASE("tracks with the same title get different labels") {
    auto source = languages();
    for (auto& s : source.facts.streams) s.title = "Sound";
    const auto plan = planned(source, preset("web-hd", {{"audio.tracks", "all"}}));
    CHECK(plan.audio[0].label == "Sound");
    CHECK(plan.audio[1].label == "Sound 2");
    source.facts.streams[1].title = "with \"quotes\"";
    CHECK(planned(source, preset("web-hd")).audio[1].label == "German");
}

TEST_CASE("a film without sound makes a stream without sound") {
    Source source;
    source.add_video({});
    const auto plan = planned(source, preset("web-hd"));
    CHECK(plan.audio.empty());
    CHECK(noted(plan, "no_audio"));
}

TEST_CASE("sound alone, also with a cover picture, makes a stream of sound") {
    Source source;
    AudioTrait audio;
    audio.codec = media::CodecId::kMp3;
    audio.codec_detail = "mp3";
    audio.rate = 44100;
    audio.seconds = 200.3;
    audio.first_ns = 25 * kMs;
    source.add_audio(audio);
    source.add_video({}).disposition.attached_picture = true;
    source.index.video.clear();
    for (const auto* name : {"web-hd", "audio-only", "passthrough", "archive"}) {
        INFO(name);
        const auto plan = planned(source, preset(name));
        CHECK(plan.video.renditions.empty());
        CHECK(plan.video.chunks.empty());
        CHECK(plan.segment_count == 34);
        CHECK(noted(plan, "stream_skipped"));
    }
    CHECK(audio_names(planned(source, preset("audio-only"))) == Strings{"audio-128k", "audio-64k"});
}

TEST_CASE("very short sound and low sample rates still fill every segment") {
    for (const double seconds : {0.01, 0.3, 6.01, 6.3, 12.05, 18.45}) {
        for (const int rate : {8000, 11025, 48000, 96000}) {
            INFO(seconds << " s at " << rate);
            Source source;
            AudioTrait audio;
            audio.rate = rate;
            audio.seconds = seconds;
            source.add_audio(audio);
            for (const auto* name : {"archive", "audio-only", "vp9-hd"})
                planned(source, preset(name));
        }
    }
}

TEST_CASE("5.1 is mixed down for stereo and copied where the preset says so") {
    Source source;
    source.add_video({});
    source.add_audio(surround(media::CodecId::kAc3, "ac3"));
    auto plan = planned(source, preset("web-4k"));
    REQUIRE(audio_names(plan) == Strings{"audio-en", "surround-en"});
    CHECK(plan.audio[0].channels == 2);
    CHECK(plan.audio[1].mode == pipeline::RenditionMode::kCopy);
    CHECK(plan.audio[1].channels == 6);
    CHECK(noted(plan, "mixed_down"));
    // Stereo has no 5.1 to offer, DTS is not in the rung's list.
    plan = planned(film(), preset("web-4k"));
    CHECK(audio_names(plan) == Strings{"audio"});
    Source dts;
    dts.add_video({});
    dts.add_audio(surround(media::CodecId::kOther, "dts"));
    plan = planned(dts, preset("web-4k"));
    CHECK(audio_names(plan) == Strings{"audio-en"});
    CHECK(noted(plan, "audio_rung_dropped"));
}

TEST_CASE("mono is not blown up") {
    AudioTrait mono;
    mono.channels = 1;
    const auto plan = planned(film({}, mono), preset("web-hd"));
    CHECK(plan.audio[0].channels == 1);
    CHECK(option(plan.audio[0].encoder, "b") == "64000");
}

TEST_CASE("a track that every rung declines is still heard") {
    const auto only51 = preset(
        "web-hd",
        {{"audio.renditions", "[{name: big, codec: ac3, channels: 6, skip_if_fewer: true}]"}});
    const auto plan = planned(film(), only51);
    CHECK(audio_names(plan) == Strings{"stereo"});
    CHECK(noted(plan, "audio_fallback"));
}

TEST_CASE("tracks that cannot be used are left out with a reason") {
    auto source = film();
    AudioTrait audio;
    source.add_audio(audio).encrypted = true;
    source.add_audio(audio).decodable = false;
    source.facts.streams.back().codec = media::CodecId::kOther;
    source.add_audio(audio);
    source.audio_index().packets = 0;
    source.add_audio(audio).audio.channels = 0;
    source.add_other(media::MediaType::kSubtitle);
    source.add_other(media::MediaType::kData);
    const auto plan = planned(source, preset("web-hd", {{"audio.tracks", "all"}}));
    CHECK(plan.audio.size() == 1);
    const auto why = reasons(plan, "stream_skipped");
    CHECK(std::count(why.begin(), why.end(), '\n') == 6);
    CHECK(why.find("encrypted") != std::string::npos);
    CHECK(why.find("no decoder") != std::string::npos);
}

TEST_CASE("a source with nothing to show is refused with the reason") {
    CHECK(refused(Source(), preset("web-hd")).message.find("no playable video or audio") !=
          std::string::npos);
    Source cover;
    cover.add_video({}).disposition.attached_picture = true;
    CHECK(refused(cover, preset("web-hd")).code == Errc::kUnsupported);
    auto locked = film();
    for (auto& s : locked.facts.streams) s.encrypted = true;
    for (const auto* name : {"web-hd", "passthrough"})
        CHECK(refused(locked, preset(name)).message.find("encrypted") != std::string::npos);
    Source silent;
    silent.add_video({});
    CHECK(refused(silent, preset("audio-only")).message.find("no playable audio") !=
          std::string::npos);
}

TEST_CASE("codecs that players do not take in TS are refused") {
    const auto ts = [](const std::string& name) {
        return preset(name, {{"packaging.formats", "[hls-ts]"}});
    };
    CHECK(planned(film(), ts("web-hd")).packaging.hls_ts);
    VideoTrait hevc;
    hevc.codec = media::CodecId::kHevc;
    hevc.codec_detail = "hevc";
    CHECK(refused(film(hevc), ts("passthrough")).code == Errc::kUnsupported);
    AudioTrait opus;
    opus.codec = media::CodecId::kOpus;
    opus.codec_detail = "opus";
    opus.frame_samples = 960;
    CHECK(refused(film({}, opus), ts("passthrough")).message.find("hls-ts") != std::string::npos);
}
