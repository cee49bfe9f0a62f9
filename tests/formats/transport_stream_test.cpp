#include <algorithm>
#include <initializer_list>

#include <formats/elementary_stream.hpp>
#include <formats/ts_reader.hpp>
#include <formats/ts_writer.hpp>
#include <support/catch.hpp>

using namespace sg::formats;

namespace {

using Buffer = std::vector<std::byte>;

Buffer bytes_of(std::initializer_list<unsigned> values) {
    Buffer out;
    for (const unsigned v : values) out.push_back(static_cast<std::byte>(v));
    return out;
}

Buffer pattern(std::size_t size) {
    Buffer out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(i * 7 + 1);
    return out;
}

std::vector<ts::Stream> video_and_audio() {
    return {{ts::StreamType::kH264, ""}, {ts::StreamType::kAac, "de"}};
}

ts::ParsedTs read(const Buffer& bytes, const ts::Continuity& before = {}) {
    auto parsed = ts::parse_ts(bytes, before);
    INFO((parsed ? std::string("ok") : parsed.error().message));
    REQUIRE(parsed);
    return *parsed;
}

std::string error_of(const Buffer& bytes) {
    const auto parsed = ts::parse_ts(bytes);
    REQUIRE_FALSE(parsed);
    return parsed.error().message;
}

Buffer one_segment(ts::Writer& writer, std::size_t video_bytes = 1000) {
    Buffer out;
    const Buffer picture = pattern(video_bytes);
    writer.begin_segment(out);
    writer.write({0, 906'000, 900'000, true, picture}, out);
    writer.write({1, 900'000, 900'000, false, picture}, out);
    writer.write({0, 903'000, 903'000, false, picture}, out);
    return out;
}

}  // namespace

TEST_CASE("ts: a segment starts with its tables and reads back") {
    ts::Writer writer(video_and_audio());
    const Buffer out = one_segment(writer);
    CHECK(out.size() % ts::kPacketBytes == 0);
    const auto parsed = read(out);
    CHECK(parsed.problems.empty());
    CHECK(parsed.tables_first);
    CHECK(parsed.clock_pid == 0x100);
    CHECK(parsed.clocks == 2);
    REQUIRE(parsed.streams.size() == 2);
    CHECK(parsed.streams[0].type == 0x1b);
    CHECK(parsed.streams[1].type == 0x0f);
    CHECK(parsed.streams[1].language == "deu");
    REQUIRE(parsed.streams[0].units.size() == 2);
    CHECK(parsed.streams[0].units[0].pts == 906'000);
    CHECK(parsed.streams[0].units[0].dts == 900'000);
    CHECK(parsed.streams[0].units[0].random_access);
    CHECK_FALSE(parsed.streams[0].units[1].dts);
    CHECK(parsed.streams[0].first_payload == pattern(1000));
    CHECK(parsed.streams[1].first_payload == pattern(1000));
}

TEST_CASE("ts: payloads of every length survive packetisation and stuffing") {
    for (std::size_t size = 0; size < 600; ++size) {
        ts::Writer writer(video_and_audio());
        const auto parsed = read(one_segment(writer, size));
        CHECK(parsed.problems.empty());
        CHECK(parsed.streams[0].first_payload == pattern(size));
        CHECK(parsed.streams[1].first_payload == pattern(size));
    }
}

TEST_CASE("ts: continuity goes on over segments, and in a writer that takes the counters over") {
    ts::Writer writer(video_and_audio());
    const auto first = read(one_segment(writer));
    ts::Writer resumed(video_and_audio());
    REQUIRE(resumed.set_counters(writer.counters()));
    const Buffer next = one_segment(writer);
    CHECK(one_segment(resumed) == next);
    CHECK(read(next, first.continuity).problems.empty());
    ts::Writer fresh(video_and_audio());
    CHECK_FALSE(read(one_segment(fresh), first.continuity).problems.empty());
    CHECK_FALSE(fresh.set_counters({1, 2}));
}

TEST_CASE("ts: clock references stand at most 100 ms apart at any frame rate") {
    ts::Writer writer(video_and_audio());
    Buffer out;
    const Buffer picture = pattern(300);
    writer.begin_segment(out);
    for (std::int64_t i = 0; i < 3; ++i)
        writer.write({0, 900'000 + i * 90'000, 900'000 + i * 90'000, i == 0, picture}, out);
    const auto parsed = read(out);
    CHECK(parsed.problems.empty());
    CHECK(parsed.clocks >= 21);
}

TEST_CASE("ts: time stamps wrap at 33 bits") {
    ts::Writer writer(video_and_audio());
    Buffer out;
    const Buffer picture = pattern(10);
    writer.begin_segment(out);
    const std::int64_t wrap = std::int64_t{1} << 33;
    writer.write({0, wrap + 5, wrap - 5, true, picture}, out);
    const auto parsed = read(out);
    CHECK(parsed.streams[0].units[0].pts == 5);
    CHECK(parsed.streams[0].units[0].dts == wrap - 5);
}

TEST_CASE("ts: AC-3 and HEVC are announced as players look for them") {
    ts::Writer writer({{ts::StreamType::kHevc, ""}, {ts::StreamType::kEac3, "eng"}});
    const auto parsed = read(one_segment(writer));
    CHECK(parsed.streams[0].type == 0x24);
    CHECK(parsed.streams[0].registration == std::array<char, 4>{'H', 'E', 'V', 'C'});
    CHECK(parsed.streams[1].type == 0x87);
    CHECK(parsed.streams[1].registration == std::array<char, 4>{'E', 'A', 'C', '3'});
}

TEST_CASE("ts: damage is refused or named") {
    CHECK(error_of({}).find("empty") != std::string::npos);
    CHECK(error_of(pattern(100)).find("multiple") != std::string::npos);
    CHECK(error_of(pattern(188)).find("sync byte") != std::string::npos);
    ts::Writer writer(video_and_audio());
    Buffer out = one_segment(writer);
    CHECK(error_of(Buffer(out.begin() + 376, out.end())).find("no program") != std::string::npos);

    Buffer wrong_crc = out;
    wrong_crc[20] ^= std::byte{1};
    CHECK(error_of(wrong_crc).find("no program") != std::string::npos);

    Buffer lost = out;
    lost.erase(lost.begin() + 3 * 188, lost.begin() + 4 * 188);
    const auto parsed = read(lost);
    REQUIRE(parsed.problems.size() == 1);
    CHECK(parsed.problems[0].find("continuity counter") != std::string::npos);

    Buffer late = out;
    std::rotate(late.begin(), late.begin() + 376, late.begin() + 3 * 188);
    CHECK_FALSE(read(late).tables_first);
}

TEST_CASE("annex b: a delimiter and parameter sets go in front, start codes replace lengths") {
    const std::vector<Buffer> sets{bytes_of({0x67, 1}), bytes_of({0x68, 2})};
    const Buffer sample = bytes_of({0, 0, 0, 2, 0x09, 0x10, 0, 0, 0, 3, 0x65, 8, 9});
    Buffer out;
    REQUIRE(append_annex_b(NalCodec::kH264, sample, 4, sets, out));
    CHECK(out == bytes_of({0, 0, 0, 1,    0x09, 0xf0, 0, 0, 0, 1,    0x67, 1, 0,
                           0, 0, 1, 0x68, 2,    0,    0, 0, 1, 0x65, 8,    9}));

    // A sample with sets of its own keeps them.
    out.clear();
    const Buffer own = bytes_of({0, 2, 0x67, 7, 0, 1, 0x65});
    REQUIRE(append_annex_b(NalCodec::kH264, own, 2, sets, out));
    CHECK(out == bytes_of({0, 0, 0, 1, 0x09, 0xf0, 0, 0, 0, 1, 0x67, 7, 0, 0, 0, 1, 0x65}));

    out.clear();
    REQUIRE(append_annex_b(NalCodec::kHevc, bytes_of({2, 0x02, 0x01}), 1, {}, out));
    CHECK(out == bytes_of({0, 0, 0, 1, 0x46, 0x01, 0x50, 0, 0, 0, 1, 0x02, 0x01}));
    CHECK_FALSE(append_annex_b(NalCodec::kH264, bytes_of({0, 0, 0, 9, 0x65}), 4, {}, out));
}

TEST_CASE("adts: headers say profile, rate, channels and length") {
    AudioFacts facts;
    facts.object_type = 2;
    facts.sample_rate = facts.core_sample_rate = 48000;
    facts.channels = 2;
    auto framer = AdtsFramer::create(facts);
    REQUIRE(framer);
    Buffer out;
    REQUIRE(framer->append(pattern(300), out));
    CHECK(out.size() == 307);
    out.resize(7);
    CHECK(out == bytes_of({0xff, 0xf1, 0x4c, 0x80, 0x26, 0x7f, 0xfc}));
    CHECK_FALSE(framer->append(pattern(9000), out));

    facts.core_sample_rate = 12345;
    CHECK_FALSE(AdtsFramer::create(facts));
    facts.core_sample_rate = 48000;
    facts.channels = 7;
    CHECK_FALSE(AdtsFramer::create(facts));
    facts.channels = 2;
    facts.object_type = 42;
    CHECK_FALSE(AdtsFramer::create(facts));
}
