#include <formats/m3u8.hpp>
#include <support/catch.hpp>

using namespace sg::formats;

namespace {

m3u8::Media read_media(std::string_view text) {
    auto parsed = m3u8::parse(text);
    INFO((parsed ? std::string("ok") : parsed.error().message));
    REQUIRE(parsed);
    REQUIRE(std::holds_alternative<m3u8::Media>(*parsed));
    return std::get<m3u8::Media>(*parsed);
}

m3u8::Multivariant read_multivariant(std::string_view text) {
    auto parsed = m3u8::parse(text);
    INFO((parsed ? std::string("ok") : parsed.error().message));
    REQUIRE(parsed);
    REQUIRE(std::holds_alternative<m3u8::Multivariant>(*parsed));
    return std::get<m3u8::Multivariant>(*parsed);
}

std::string error_of(std::string_view text) {
    auto parsed = m3u8::parse(text);
    REQUIRE_FALSE(parsed);
    return parsed.error().message;
}

m3u8::Media two_segments() {
    m3u8::Media media;
    media.target_seconds = 4;
    media.media_sequence = 1;
    media.type = m3u8::PlaylistType::kVod;
    media.ended = true;
    media.maps.push_back({"init-0123abcd.mp4", std::nullopt});
    media.segments.push_back({"seg-1.m4s", 4'004'000, std::nullopt, 0, false, std::nullopt, ""});
    media.segments.push_back(
        {"seg-2.m4s", 1'000'001, std::nullopt, 0, true, 1'700'000'000'123, "title"});
    return media;
}

}  // namespace

TEST_CASE("m3u8: a media playlist is written as RFC 8216 lays it out") {
    CHECK(m3u8::write(two_segments()) ==
          "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:1\n"
          "#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MAP:URI=\"init-0123abcd.mp4\"\n"
          "#EXTINF:4.004000,\nseg-1.m4s\n#EXT-X-DISCONTINUITY\n"
          "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.123Z\n"
          "#EXTINF:1.000001,title\nseg-2.m4s\n#EXT-X-ENDLIST\n");
}

TEST_CASE("m3u8: a media playlist reads back as it was written") {
    auto media = two_segments();
    media.iframes_only = true;
    media.independent_segments = true;
    media.maps[0].range = m3u8::ByteRange{0, 900};
    media.segments[0].range = m3u8::ByteRange{900, 100};
    const auto again = read_media(m3u8::write(media));
    CHECK(again.version == 5);
    CHECK(again.iframes_only);
    CHECK(again.independent_segments);
    CHECK(again.ended);
    CHECK(again.maps == media.maps);
    CHECK(again.segments == media.segments);
}

TEST_CASE("m3u8: the version is the lowest that the features need") {
    m3u8::Media media;
    CHECK(m3u8::required_version(media) == 3);
    media.segments.push_back({});
    media.segments[0].range = m3u8::ByteRange{};
    CHECK(m3u8::required_version(media) == 4);
    media.segments[0].map = 0;
    CHECK(m3u8::required_version(media) == 6);
    media.iframes_only = true;
    CHECK(m3u8::required_version(media) == 5);
}

TEST_CASE("m3u8: a target duration is the nearest second and never zero") {
    CHECK(m3u8::target_seconds(4'499'999) == 4);
    CHECK(m3u8::target_seconds(4'500'000) == 5);
    CHECK(m3u8::target_seconds(20'000) == 1);
}

TEST_CASE("m3u8: a multivariant playlist reads back as it was written") {
    m3u8::Multivariant list;
    list.version = 6;
    list.independent_segments = true;
    list.renditions.push_back({m3u8::MediaType::kAudio,
                               "aac-2",
                               "English",
                               "en",
                               "audio-en/index.m3u8",
                               true,
                               true,
                               false,
                               "2",
                               "",
                               ""});
    list.variants.push_back({2'000'000,
                             1'500'000,
                             "avc1.640028,mp4a.40.2",
                             m3u8::Resolution{1920, 1080},
                             29'970,
                             "SDR",
                             "aac-2",
                             "",
                             "1080p/index.m3u8"});
    list.iframe_variants.push_back({200'000,
                                    150'000,
                                    "avc1.640028",
                                    m3u8::Resolution{1920, 1080},
                                    0,
                                    "SDR",
                                    "",
                                    "",
                                    "1080p/iframes.m3u8"});
    const std::string text = m3u8::write(list);
    CHECK(text.find("FRAME-RATE=29.970,") != std::string::npos);
    const auto again = read_multivariant(text);
    CHECK(again.version == 6);
    CHECK(again.independent_segments);
    CHECK(again.renditions == list.renditions);
    CHECK(again.variants == list.variants);
    CHECK(again.iframe_variants == list.iframe_variants);
}

TEST_CASE("m3u8: a name with quotes and line ends cannot break out of its attribute") {
    m3u8::Multivariant list;
    list.renditions.push_back({m3u8::MediaType::kAudio,
                               "a",
                               "x\"\n#EXT-X-ENDLIST\n",
                               "",
                               "a.m3u8",
                               false,
                               false,
                               false,
                               "",
                               "",
                               ""});
    list.variants.push_back({1, 0, "", std::nullopt, 0, "", "a", "", "v.m3u8"});
    CHECK(read_multivariant(m3u8::write(list)).renditions[0].name == "x' #EXT-X-ENDLIST ");
}

TEST_CASE("m3u8: a byte range without an offset continues the one before in the same resource") {
    const std::string head = "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:2\n";
    const auto media = read_media(head +
                                  "#EXTINF:2,\n#EXT-X-BYTERANGE:10@5\na.ts\n"
                                  "#EXTINF:2,\n#EXT-X-BYTERANGE:20\na.ts\n");
    CHECK(media.segments[1].range == m3u8::ByteRange{15, 20});
    CHECK(error_of(head + "#EXTINF:2,\n#EXT-X-BYTERANGE:20\na.ts\n").find("line 6") == 0);
}

TEST_CASE("m3u8: line ends of both kinds, comments and unknown tags are read") {
    const auto media = read_media(
        "#EXTM3U\r\n# remark\r\n#EXT-X-NEWTAG:1\r\n#EXT-X-TARGETDURATION:2\r\n\r\n"
        "#EXTINF:2,\r\na.ts\r\n#EXT-X-ENDLIST");
    REQUIRE(media.segments.size() == 1);
    CHECK(media.segments[0].uri == "a.ts");
    REQUIRE(media.unknown.size() == 1);
    CHECK(media.unknown[0] == m3u8::UnknownTag{3, "EXT-X-NEWTAG"});
}

TEST_CASE("m3u8: breaches are refused and name their line") {
    const std::string media = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n";
    CHECK(error_of("") == "playlist is empty");
    CHECK(error_of("\xef\xbb\xbf#EXTM3U\n").find("line 1") == 0);
    CHECK(error_of("#EXTM3U\n\xff\n") == "playlist is not UTF-8 text");
    CHECK(error_of("#EXTM3U\n").find("no tag of") != std::string::npos);
    CHECK(error_of(media + "a.ts\n") == "line 4: segment without EXTINF");
    CHECK(error_of(media + "#EXTINF:x,\na.ts\n").find("line 4: EXTINF") == 0);
    CHECK(error_of(media + "#EXTINF:1e3,\na.ts\n").find("line 4") == 0);
    CHECK(error_of(media + "#EXTINF:99999999999999999999,\na.ts\n").find("line 4") == 0);
    CHECK(error_of(media + "#EXTINF:2.5,\na.ts\n").find("rounds to more") != std::string::npos);
    CHECK(error_of(media + "#EXT-X-TARGETDURATION:2\n") ==
          "line 4: EXT-X-TARGETDURATION appears twice");
    CHECK(error_of(media + "#EXT-X-STREAM-INF:BANDWIDTH=1\na\n").find("does not belong") !=
          std::string::npos);
    CHECK(error_of(media + "#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:1,\na.ts\n").find("ENDLIST") !=
          std::string::npos);
    CHECK(error_of(media + "#EXT-X-MAP:URI=\"i\"\n#EXTINF:1,\na\n").find("VERSION 6") !=
          std::string::npos);
    CHECK(error_of("#EXTM3U\n#EXT-X-STREAM-INF:CODECS=\"x\"\na\n") ==
          "line 2: EXT-X-STREAM-INF: no BANDWIDTH attribute");
    CHECK(error_of("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"\nx\n")
              .find("no EXT-X-MEDIA") != std::string::npos);
    CHECK(error_of("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=\"1\"\nx\n").find("line 2") == 0);
    CHECK(error_of("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,BANDWIDTH=1\nx\n").find("twice") !=
          std::string::npos);
    CHECK(error_of("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n").find("not followed") !=
          std::string::npos);
    CHECK(error_of("#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"n\nx\n")
              .find("does not end") != std::string::npos);
}

TEST_CASE("m3u8: a lenient reader passes over what players pass over") {
    const std::string sloppy =
        "\xef\xbb\xbf#EXTM3U \r\n#EXT-X-INDEPENDENT-SEGMENTS\r\n#EXT-X-INDEPENDENT-SEGMENTS\r\n"
        "#EXT-X-TARGETDURATION:2\r\n#EXT-X-MEDIA-SEQUENCE:7\r\n#EXT-X-PLAYLIST-TYPE:LIVE\r\n"
        "#EXT-X-PROGRAM-DATE-TIME:yesterday\r\n#EXTINF:6.5\r\na.ts\t\r\n"
        "#EXT-X-GAP\r\n#EXTINF:2,\r\nb.ts\r\n#EXTINF:2,\r\n";
    CHECK_FALSE(m3u8::parse(sloppy));
    const auto parsed = m3u8::parse(sloppy, m3u8::Reading::kLenient);
    REQUIRE(parsed);
    const auto& media = std::get<m3u8::Media>(*parsed);
    CHECK(media.media_sequence == 7);
    REQUIRE(media.segments.size() == 2);
    CHECK(media.segments[0].uri == "a.ts");
    CHECK(media.segments[0].duration_us == 6'500'000);
    CHECK_FALSE(media.segments[0].gap);
    CHECK(media.segments[1].gap);

    const auto untold = m3u8::parse("#EXTM3U\n#EXTINF:3.6,\na.ts\n", m3u8::Reading::kLenient);
    REQUIRE(untold);
    CHECK(std::get<m3u8::Media>(*untold).target_seconds == 4);
}

TEST_CASE("m3u8: a lenient reader still refuses what leaves the segments in doubt") {
    for (const auto* text : {"<html></html>",
                             "#EXTM3U\n",
                             "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:x\n#EXTINF:2,\na.ts\n",
                             "#EXTM3U\n#EXTINF:long,\na.ts\n",
                             "#EXTM3U\n#EXT-X-KEY:METHOD\n#EXTINF:2,\na.ts\n"})
        CHECK_FALSE(m3u8::parse(text, m3u8::Reading::kLenient));
}
