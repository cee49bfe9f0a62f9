#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include <formats/bmff_sample_table.hpp>
#include <formats/byte_reader.hpp>

#include "bmff_movie.hpp"

namespace sg::formats {

namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kMaxTopBoxes = 10000;
constexpr std::size_t kMaxFileType = 4096;

Error bad_file(std::string_view why) {
    return Error{Errc::kBadData, fmt::format("read MP4 file: {}", why)};
}

/// Sizes in a file are claims: memory is taken only as bytes really come.
Result<std::vector<std::byte>> read_claimed(const ReadAt& read,
                                            std::uint64_t offset,
                                            std::uint64_t bytes) {
    constexpr std::uint64_t kStep = std::uint64_t{1} << 20;
    std::vector<std::byte> out;
    while (out.size() < bytes) {
        const std::size_t before = out.size();
        const std::uint64_t step = std::min(bytes - before, std::max(kStep, std::uint64_t{before}));
        out.resize(before + step);
        SG_TRY_ASSIGN(const std::size_t got, read(offset + before, std::span(out).subspan(before)));
        if (got < step) return bad_file("it is cut short inside its movie header");
    }
    return out;
}

bool is_known_top_box(FourCc type) {
    for (const FourCc known : {fourcc("ftyp"),
                               fourcc("moov"),
                               fourcc("mdat"),
                               fourcc("free"),
                               fourcc("skip"),
                               fourcc("wide"),
                               fourcc("pnot"),
                               fourcc("styp"),
                               fourcc("uuid"),
                               fourcc("meta"),
                               fourcc("sidx"),
                               fourcc("pdin"),
                               fourcc("moof"),
                               fourcc("emsg"),
                               fourcc("prft")}) {
        if (type == known) return true;
    }
    return false;
}

struct TopBox {
    FourCc type = 0;
    std::uint64_t header = 8;
    std::uint64_t size = 0;  ///< 0: to the end of the file
};

/// False at the end of the file.
Result<bool> read_top_box(const ReadAt& read, std::uint64_t at, TopBox& box) {
    std::array<std::byte, 16> bytes{};
    SG_TRY_ASSIGN(const std::size_t got, read(at, bytes));
    if (got < 8) return false;
    ByteReader reader(Bytes(bytes).first(std::min(got, bytes.size())));
    box.size = reader.u32();
    box.type = reader.u32();
    if (box.size == 1) {
        box.size = reader.u64();
        box.header = 16;
        if (!reader.ok() || box.size < box.header) return bad_file("a box has an impossible size");
    } else if (box.size != 0 && box.size < box.header) {
        return bad_file("a box has an impossible size");
    }
    return true;
}

void parse_brands(Bytes payload, MovieInfo& info) {
    ByteReader reader(payload);
    const FourCc major = reader.u32();
    reader.skip(4);
    if (!reader.ok()) return;
    info.brands.push_back(major);
    while (reader.left() >= 4) info.brands.push_back(reader.u32());
}

}  // namespace

Result<MovieFile> MovieFile::open(const ReadAt& read, const SampleTableLimits& limits) {
    std::vector<std::byte> ftyp;
    std::uint64_t at = 0;
    for (std::size_t i = 0; i < kMaxTopBoxes; ++i) {
        TopBox box;
        SG_TRY_ASSIGN(const bool more, read_top_box(read, at, box));
        if (!more) break;
        if (i == 0 && !is_known_top_box(box.type)) return bad_file("it does not start as one");
        if (box.type == fourcc("ftyp") && box.size >= box.header && box.size <= kMaxFileType) {
            SG_TRY_ASSIGN(ftyp, read_claimed(read, at + box.header, box.size - box.header));
        }
        if (box.type == fourcc("moov")) {
            if (box.size == 0) return bad_file("its movie header does not say how long it is");
            if (box.size > limits.moov_bytes) {
                return Error{Errc::kLimit,
                             fmt::format("read MP4 file: its movie header of {} bytes is over the "
                                         "limit of {}",
                                         box.size,
                                         limits.moov_bytes)};
            }
            MovieFile file;
            file.limits_ = limits;
            SG_TRY_ASSIGN(file.moov_, read_claimed(read, at + box.header, box.size - box.header));
            SG_TRY_ASSIGN(file.info_, parse_movie(file.moov_, file.tables_));
            parse_brands(ftyp, file.info_);
            return file;
        }
        if (box.size == 0 || box.size > UINT64_MAX / 2 - at) break;
        at += box.size;
    }
    return bad_file("it has no movie header (moov); the recording may have been cut off");
}

Result<SampleTable> MovieFile::samples(std::size_t track) const {
    if (track >= tables_.size()) {
        return Error{Errc::kInvalidArgument, "read MP4 sample table: there is no such track"};
    }
    return SampleTable::parse(tables_[track], limits_);
}

}  // namespace sg::formats
