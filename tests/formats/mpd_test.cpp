#include <formats/mpd.hpp>
#include <support/catch.hpp>

using namespace sg::formats;

namespace {

mpd::Mpd sample() {
    mpd::Representation r;
    r.id = "1080p";
    r.bandwidth = 5'000'000;
    r.codecs = "avc1.640028";
    r.width = 1920;
    r.height = 1080;
    r.sar = "1:1";
    r.frame_rate = "30000/1001";
    mpd::SegmentTemplate t;
    t.timescale = 30000;
    t.presentation_time_offset = 30000;
    t.initialization = "1080p/init-0123abcd.mp4";
    t.media = "1080p/seg-$Number$.m4s";
    t.timeline = {{30000, 120120, 3}, {std::nullopt, 60060, 0}};
    r.segment_template = t;
    mpd::AdaptationSet set;
    set.id = 0;
    set.content_type = "video";
    set.mime_type = "video/mp4";
    set.segment_alignment = true;
    set.start_with_sap = 1;
    set.label = "A & <B>";
    set.supplemental = {{"urn:mpeg:mpegB:cicp:ColourPrimaries", "1"}};
    set.roles = {{mpd::kRoleScheme, "main"}};
    set.representations = {r};
    mpd::Period period;
    period.id = "0";
    period.start_us = 0;
    period.adaptation_sets = {set};
    mpd::Mpd out;
    out.profiles = mpd::kLiveProfile;
    out.presentation_duration_us = 18'018'000;
    out.max_segment_duration_us = 4'004'000;
    out.min_buffer_us = 4'004'000;
    out.periods = {period};
    return out;
}

std::string error_of(std::string_view text) {
    const auto parsed = mpd::parse(text);
    REQUIRE_FALSE(parsed);
    return parsed.error().message;
}

}  // namespace

TEST_CASE("mpd: an MPD reads back as it was written") {
    const std::string text = mpd::write(sample());
    INFO(text);
    const auto again = mpd::parse(text);
    REQUIRE(again);
    CHECK(mpd::write(*again) == text);
    CHECK(again->presentation_duration_us == 18'018'000);
    const auto& set = again->periods.at(0).adaptation_sets.at(0);
    CHECK(set.label == "A & <B>");
    CHECK(set.start_with_sap == 1);
    const auto& r = set.representations.at(0);
    CHECK(r.mime_type == "video/mp4");
    CHECK(r.segment_template ==
          sample().periods[0].adaptation_sets[0].representations[0].segment_template);
}

TEST_CASE("mpd: an index range reads back as it was written") {
    auto mpd = sample();
    auto& r = mpd.periods[0].adaptation_sets[0].representations[0];
    r.segment_template.reset();
    r.base_url = "1080p/media.mp4";
    r.segment_base =
        mpd::SegmentBase{30000, 30000, mpd::ByteRange{700, 899}, mpd::ByteRange{0, 699}};
    const auto again = mpd::parse(mpd::write(mpd));
    REQUIRE(again);
    const auto& read = again->periods[0].adaptation_sets[0].representations[0];
    CHECK(read.segment_base == r.segment_base);
    CHECK(read.base_url == "1080p/media.mp4");
}

TEST_CASE("mpd: segment information is inherited from set and period") {
    const auto parsed = mpd::parse(
        "<MPD xmlns='urn:mpeg:dash:schema:mpd:2011' profiles='x' minBufferTime='PT2S' "
        "mediaPresentationDuration='PT8S'><Period><SegmentTemplate timescale='10' media='a'/>"
        "<AdaptationSet mimeType='video/mp4' codecs='avc1.64001f'>"
        "<SegmentTemplate duration='20' initialization='i'/>"
        "<Representation id='r' bandwidth='1'><SegmentTemplate media='b-$Number%03d$'/>"
        "</Representation></AdaptationSet></Period></MPD>");
    REQUIRE(parsed);
    const auto& r = parsed->periods[0].adaptation_sets[0].representations[0];
    CHECK(r.codecs == "avc1.64001f");
    REQUIRE(r.segment_template);
    CHECK(r.segment_template->timescale == 10);
    CHECK(r.segment_template->duration == 20);
    CHECK(r.segment_template->initialization == "i");
    const auto list = mpd::expand(*r.segment_template, 8'000'000, 100);
    REQUIRE(list);
    CHECK(list->size() == 4);
    CHECK(*mpd::fill_template(r.segment_template->media, r, 7, 0) == "b-007");
}

TEST_CASE("mpd: durations keep microseconds and read every day-time form") {
    CHECK(mpd::format_duration(4'004'000) == "PT4.004S");
    CHECK(mpd::format_duration(0) == "PT0S");
    CHECK(mpd::format_duration(10'000'001) == "PT10.000001S");
    CHECK(mpd::parse_duration("PT1H2M3.5S") == 3'723'500'000);
    CHECK(mpd::parse_duration("P1DT1S") == 86'401'000'000);
    for (const char* wrong : {"",
                              "P",
                              "PT",
                              "PT1",
                              "1S",
                              "PT1S1M",
                              "PT1.S",
                              "P1S",
                              "PT-1S",
                              "P1Y",
                              "PT99999999999999999999S",
                              "PT1.5M"})
        CHECK_FALSE(mpd::parse_duration(wrong));
}

TEST_CASE("mpd: a timeline expands with repeats, gaps and open ends") {
    mpd::SegmentTemplate t;
    t.timescale = 10;
    t.start_number = 5;
    t.timeline = {{100, 20, 1}, {150, 20, -1}, {200, 10, -1}};
    t.presentation_time_offset = 100;
    const auto list = mpd::expand(t, 12'000'000, 100);
    REQUIRE(list);
    REQUIRE(list->size() == 7);
    CHECK(list->at(1).time == 120);
    CHECK(list->at(2).time == 150);
    CHECK(list->at(4).time == 190);
    CHECK(list->at(5).time == 200);
    CHECK(list->at(6).number == 11);
    t.timeline = {{0, 1, 1'000'000'000}};
    const auto many = mpd::expand(t, 12'000'000, 100);
    REQUIRE_FALSE(many);
    CHECK(many.error().code == sg::Errc::kLimit);
}

TEST_CASE("mpd: template identifiers are filled in, and unknown ones refused") {
    mpd::Representation r;
    r.id = "v";
    r.bandwidth = 9;
    CHECK(*mpd::fill_template("$RepresentationID$/$Number%05d$-$Time$-$Bandwidth$$$", r, 12, 34) ==
          "v/00012-34-9$");
    for (const char* wrong : {"$x$",
                              "$Number",
                              "$Number%d$",
                              "$Number%0xd$",
                              "$Number%0999d$",
                              "$RepresentationID%05d$"})
        CHECK_FALSE(mpd::fill_template(wrong, r, 1, 1));
}

TEST_CASE("mpd: breaches are refused and name their line") {
    CHECK(error_of("").find("line 1") == 0);
    CHECK(error_of("<a/>").find("root element") != std::string::npos);
    CHECK(error_of("<MPD profiles='x' minBufferTime='PT1S'>\n</MPD>").find("no Period") !=
          std::string::npos);
    const std::string head =
        "<MPD profiles='x' minBufferTime='PT1S' mediaPresentationDuration='PT1S'>\n<Period>\n"
        "<AdaptationSet mimeType='video/mp4'>\n";
    const std::string tail = "</AdaptationSet></Period></MPD>";
    CHECK(error_of(head + "<Representation bandwidth='1'/>" + tail).find("line 4") == 0);
    CHECK(error_of(head + "<Representation id='a' bandwidth='-1'/>" + tail).find("line 4") == 0);
    CHECK(error_of(head + "<SegmentTemplate timescale='0'/>" + tail).find("timescale") !=
          std::string::npos);
    CHECK(error_of(head +
                   "<SegmentTemplate><SegmentTimeline><S d='0'/></SegmentTimeline>"
                   "</SegmentTemplate>" +
                   tail)
              .find("@d") != std::string::npos);
    CHECK(error_of(head + "<SegmentBase indexRange='9-1'/>" + tail).find("FIRST-LAST") !=
          std::string::npos);
}

TEST_CASE("mpd: nesting as deep as the bytes allow costs no stack") {
    std::string deep = "<MPD profiles='x' minBufferTime='PT1S' mediaPresentationDuration='PT1S'>";
    for (int i = 0; i < 1'000'000; ++i) deep += "<a>";
    for (int i = 0; i < 1'000'000; ++i) deep += "</a>";
    CHECK(error_of(deep + "</MPD>").find("no Period") != std::string::npos);
}
