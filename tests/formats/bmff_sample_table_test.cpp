#include <algorithm>
#include <cstring>

#include <formats/bmff_sample_table.hpp>
#include <formats/byte_writer.hpp>
#include <support/catch.hpp>

#include "hex_bytes.hpp"

using namespace sg;
using namespace sg::formats;

namespace {

/// moov of a small MP4 file: 8 pictures of 64x48 with B-frames and two key frames, and 16 AAC
/// frames.
constexpr std::string_view kMoov =
    "0000062e6d6f6f760000006c6d766864000000000000000000000000000003e80000014000010000010000000000"
    "00000000000000010000000000000000000000000000000100000000000000000000000000004000000000000000"
    "000000000000000000000000000000000000000000000003000002dc7472616b0000005c746b6864000000030000"
    "00000000000000000001000000000000014000000000000000000000000000000000000100000000000000000000"
    "000000000001000000000000000000000000000040000000004000000030000000000024656474730000001c656c"
    "73740000000000000001000001400000040000010000000002546d646961000000206d6468640000000000000000"
    "00000000000032000000100055c400000000002d68646c7200000000000000007669646500000000000000000000"
    "0000566964656f48616e646c657200000001ff6d696e6600000014766d6864000000010000000000000000000000"
    "2464696e660000001c6472656600000000000000010000000c75726c2000000001000001bf7374626c000000bf73"
    "7473640000000000000001000000af61766331000000000000000100000000000000000000000000000000004000"
    "3000480000004800000000000000010c4c617663206c696278323634000000000000000000000000000000000000"
    "000018ffff00000035617663430164000affe100186764000aacd9447b011000000300100000030320f122596001"
    "000668ebe0e4b22cfdf8f8000000001070617370000000010000000100000014627472740000000000008ba60000"
    "8ba60000001873747473000000000000000100000008000002000000001873747373000000000000000200000001"
    "00000005000000406374747300000000000000060000000100000400000000010000080000000002000002000000"
    "00010000040000000001000008000000000200000200000000287374736300000000000000020000000100000002"
    "00000001000000020000000100000001000000347374737a000000000000000000000008000003eb000000190000"
    "000d0000000d000001510000000d0000000d0000000d0000002c7374636f0000000000000007000000300000054b"
    "000006fe000008bd00000b7f00000d0b00000e79000002a17472616b0000005c746b686400000003000000000000"
    "00000000000200000000000001400000000000000000000000010100000000010000000000000000000000000000"
    "0001000000000000000000000000000040000000000000000000000000000024656474730000001c656c73740000"
    "000000000001000001400000040000010000000002196d646961000000206d646864000000000000000000000000"
    "0000bb800000400010b500000000002d68646c720000000000000000736f756e000000000000000000000000536f"
    "756e6448616e646c657200000001c46d696e6600000010736d686400000000000000000000002464696e66000000"
    "1c6472656600000000000000010000000c75726c2000000001000001887374626c0000007e737473640000000000"
    "0000010000006e6d703461000000000000000100000000000000000002001000000000bb80000000000036657364"
    "7300000000038080802500020004808080174015000000000122f4000122f40580808005118856e5000680808001"
    "02000000146274727400000000000122f4000122f400000018737474730000000000000001000000100000040000"
    "00003473747363000000000000000300000001000000010000000100000002000000020000000100000007000000"
    "0500000001000000547374737a00000000000000000000001000000117000001170000008f000000c9000000e900"
    "0000b2000000bf000000c7000000b8000000a1000000c0000000bb000000a8000000bb000000cb000000c1000000"
    "2c7374636f000000000000000700000434000005580000070b00000a0e00000b8c00000d1800000e860000001a73"
    "67706401000000726f6c6c0000000200000001ffff0000001c7362677000000000726f6c6c000000010000001000"
    "0000010000003d75647461000000356d657461000000000000002168646c7200000000000000006d646972617070"
    "6c00000000000000000000000008696c7374";

ReadAt reader_of(const std::vector<std::byte>& file) {
    return [&file](std::uint64_t offset, std::span<std::byte> into) -> Result<std::size_t> {
        if (offset >= file.size()) return std::size_t{0};
        const std::size_t count = std::min<std::size_t>(into.size(), file.size() - offset);
        std::memcpy(into.data(), file.data() + offset, count);
        return count;
    };
}

std::vector<std::byte> file_with_moov_last() {
    std::vector<std::byte> file = from_hex("00000014 66747970 69736f6d 00000200 69736f36");
    const auto mdat = from_hex("0000000c 6d646174 00000000");
    file.insert(file.end(), mdat.begin(), mdat.end());
    const auto moov = from_hex(kMoov);
    file.insert(file.end(), moov.begin(), moov.end());
    return file;
}

std::vector<Sample> all_samples(const SampleTable& table) {
    std::vector<Sample> samples;
    SampleCursor cursor(table);
    Sample sample;
    while (cursor.next(sample)) samples.push_back(sample);
    CHECK_FALSE(cursor.damaged());
    return samples;
}

/// An stbl payload from 32-bit words: each table is a type and the words after version and flags.
struct StblMaker {
    std::vector<std::byte> bytes;
    StblMaker& add(FourCc type, std::initializer_list<std::uint32_t> words) {
        ByteWriter writer(bytes);
        const std::size_t box = writer.begin_full_box(type, 0, 0);
        for (const std::uint32_t word : words) writer.u32(word);
        writer.end_box(box);
        return *this;
    }
};

}  // namespace

TEST_CASE("the movie header is found behind the media data") {
    const auto bytes = file_with_moov_last();
    const auto file = MovieFile::open(reader_of(bytes), {});
    REQUIRE(file);
    CHECK(file->info().brands == std::vector<FourCc>{fourcc("isom"), fourcc("iso6")});
    CHECK(file->info().timescale == 1000);
    CHECK_FALSE(file->info().fragmented);
    REQUIRE(file->info().tracks.size() == 2);
    const TrackInfo& video = file->info().tracks[0];
    CHECK(video.width == 64);
    CHECK(video.height == 48);
    CHECK(video.timescale == 12800);
    REQUIRE(video.edits.size() == 1);
    CHECK(video.edits[0].media_time == 1024);
    const TrackInfo& audio = file->info().tracks[1];
    CHECK(audio.language == "deu");
    CHECK(audio.sample_rate == 48000);
    CHECK(codec_config_of(audio)->codecs == "mp4a.40.2");
}

TEST_CASE("sample tables give every sample's place, time and kind") {
    const auto bytes = file_with_moov_last();
    const auto file = MovieFile::open(reader_of(bytes), {});
    REQUIRE(file);
    const auto table = file->samples(0);
    REQUIRE(table);
    const auto samples = all_samples(*table);
    REQUIRE(samples.size() == 8);
    const std::vector<std::uint64_t> offsets{48, 1051, 1355, 1790, 2237, 2943, 3339, 3705};
    const std::vector<std::uint32_t> sizes{1003, 25, 13, 13, 337, 13, 13, 13};
    const std::vector<std::int64_t> pts{1024, 2560, 1536, 2048, 3072, 4608, 3584, 4096};
    for (std::size_t i = 0; i < samples.size(); ++i) {
        CHECK(samples[i].offset == offsets[i]);
        CHECK(samples[i].size == sizes[i]);
        CHECK(samples[i].dts == static_cast<std::int64_t>(512 * i));
        CHECK(samples[i].dts + samples[i].composition_offset == pts[i]);
        CHECK(samples[i].key == (i == 0 || i == 4));
    }
    const auto audio = file->samples(1);
    REQUIRE(audio);
    CHECK(audio->all_key());
    CHECK(all_samples(*audio).back().offset == 4463);
}

TEST_CASE("a cursor that seeks goes on as one that walked") {
    const auto bytes = file_with_moov_last();
    const auto file = MovieFile::open(reader_of(bytes), {});
    REQUIRE(file);
    for (const std::size_t track : {0U, 1U}) {
        const auto table = file->samples(track);
        REQUIRE(table);
        const auto walked = all_samples(*table);
        for (std::uint32_t start = 0; start <= table->samples(); ++start) {
            SampleCursor cursor(*table);
            REQUIRE(cursor.seek(start));
            Sample sample;
            for (std::uint32_t i = start; i < table->samples(); ++i) {
                REQUIRE(cursor.next(sample));
                CHECK(sample.index == i);
                CHECK(sample.offset == walked[i].offset);
                CHECK(sample.dts == walked[i].dts);
                CHECK(sample.composition_offset == walked[i].composition_offset);
                CHECK(sample.key == walked[i].key);
            }
            CHECK_FALSE(cursor.next(sample));
        }
        CHECK_FALSE(SampleCursor(*table).seek(table->samples() + 1));
    }
}

TEST_CASE("compact sizes, 64-bit chunk offsets and changing descriptions are read") {
    StblMaker stbl;
    stbl.add(fourcc("stz2"), {4, 3, 0x12300000})
        .add(fourcc("stsc"), {2, 1, 2, 1, 2, 1, 2})
        .add(fourcc("co64"), {2, 1, 0, 2, 0x10})
        .add(fourcc("stts"), {2, 0, 9, 3, 100})
        .add(fourcc("stss"), {0});
    const auto table = SampleTable::parse(stbl.bytes, {});
    REQUIRE(table);
    const auto samples = all_samples(*table);
    REQUIRE(samples.size() == 3);
    CHECK(samples[0].offset == std::uint64_t{1} << 32);
    CHECK(samples[1].offset == (std::uint64_t{1} << 32) + 1);
    CHECK(samples[1].size == 2);
    CHECK(samples[2].offset == (std::uint64_t{2} << 32) + 16);
    CHECK(samples[2].description == 2);
    CHECK(samples[2].dts == 200);
    CHECK_FALSE(samples[0].key);
}

TEST_CASE("tables that contradict themselves end in damage, not in invented samples") {
    StblMaker stbl;
    stbl.add(fourcc("stsz"), {10, 5})
        .add(fourcc("stsc"), {1, 1, 2, 1})
        .add(fourcc("stco"), {1, 1000})
        .add(fourcc("stts"), {1, 5, 100});
    const auto table = SampleTable::parse(stbl.bytes, {});
    REQUIRE(table);
    SampleCursor cursor(*table);
    Sample sample;
    CHECK(cursor.next(sample));
    CHECK(cursor.next(sample));
    CHECK_FALSE(cursor.next(sample));
    CHECK(cursor.damaged());
}

TEST_CASE("broken tables are refused") {
    const auto code = [](const StblMaker& stbl, const SampleTableLimits& limits = {}) {
        const auto table = SampleTable::parse(stbl.bytes, limits);
        REQUIRE_FALSE(table);
        return table.error().code;
    };
    CHECK(code(StblMaker{}) == Errc::kBadData);
    CHECK(code(StblMaker{}.add(fourcc("stsz"), {0, 1000})) == Errc::kBadData);
    CHECK(code(StblMaker{}.add(fourcc("stsz"), {4, 1000}).add(fourcc("stsc"), {1, 1, 0, 1})) ==
          Errc::kBadData);
    CHECK(code(StblMaker{}
                   .add(fourcc("stsz"), {4, 1})
                   .add(fourcc("stsc"), {1, 1, 1, 1})
                   .add(fourcc("stco"), {0xFFFFFFFF, 1})) == Errc::kBadData);
    CHECK(code(StblMaker{}.add(fourcc("stsz"), {4, 0x7FFFFFFF})) == Errc::kLimit);
}

TEST_CASE("files that are no movies are refused, and large headers limited") {
    const auto code = [](const std::vector<std::byte>& bytes, const SampleTableLimits& limits) {
        const auto file = MovieFile::open(reader_of(bytes), limits);
        REQUIRE_FALSE(file);
        return file.error().code;
    };
    CHECK(code({}, {}) == Errc::kBadData);
    CHECK(code(from_hex("46 4c 56 01 05 00 00 00 09 00 00 00 00"), {}) == Errc::kBadData);
    CHECK(code(from_hex("00000008 66726565"), {}) == Errc::kBadData);
    CHECK(code(from_hex("7fffffff 6d6f6f76 00"), {}) == Errc::kLimit);
    CHECK(code(from_hex("00ffffff 6d6f6f76 00"), {}) == Errc::kBadData);
    SampleTableLimits small;
    small.moov_bytes = 100;
    CHECK(code(file_with_moov_last(), small) == Errc::kLimit);
    auto cut = file_with_moov_last();
    cut.resize(cut.size() - 1);
    CHECK(code(cut, {}) == Errc::kBadData);
}
