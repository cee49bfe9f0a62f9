#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include <fmt/format.h>

#include <formats/bmff_sample_table.hpp>
#include <formats/byte_reader.hpp>
#include <formats/byte_writer.hpp>

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

/// Boxes of stbl whose length grows with the movie's.
bool grows(FourCc type) {
    for (const FourCc known : {fourcc("stts"),
                               fourcc("ctts"),
                               fourcc("stss"),
                               fourcc("stps"),
                               fourcc("stsz"),
                               fourcc("stz2"),
                               fourcc("stsc"),
                               fourcc("stco"),
                               fourcc("co64"),
                               fourcc("sdtp"),
                               fourcc("sbgp"),
                               fourcc("csgp"),
                               fourcc("stsh"),
                               fourcc("stdp"),
                               fourcc("padb"),
                               fourcc("subs"),
                               fourcc("saiz"),
                               fourcc("saio"),
                               fourcc("senc")}) {
        if (type == known) return true;
    }
    return false;
}

/// Takes moov apart into what is kept in memory and what is read when it is looked at.
class MoovReader {
  public:
    MoovReader(std::vector<std::byte>& kept,
               std::vector<std::vector<TableBox>>& tables,
               std::size_t limit)
        : writer_(kept), tables_(tables), limit_(limit) {}

    [[nodiscard]] Status read(const WindowedBytes& moov) { return children(moov, fourcc("moov")); }

  private:
    /// The box inside that is taken apart, too; 0: none.
    static bool enters(FourCc parent, FourCc child) {
        return (parent == fourcc("moov") && child == fourcc("trak")) ||
               (parent == fourcc("trak") && child == fourcc("mdia")) ||
               (parent == fourcc("mdia") && child == fourcc("minf")) ||
               (parent == fourcc("minf") && child == fourcc("stbl"));
    }
    /// Damage further in hides no more than the tables.
    static bool tolerant(FourCc parent) {
        return parent == fourcc("minf") || parent == fourcc("stbl");
    }

    [[nodiscard]] Status children(const WindowedBytes& parent, FourCc type) {
        for (std::uint64_t at = 0; at < parent.size();) {
            const auto left = parent.size() - at;
            std::uint64_t size = left >= 8 ? parent.u32(at) : 0;
            const FourCc child = left >= 8 ? parent.u32(at + 4) : 0;
            std::uint64_t header = 8;
            if (left >= 16 && size == 1) {
                header = 16;
                size = parent.u64(at + 8);
            } else if (left >= 8 && size == 0) {
                size = left;
            }
            if (parent.failed()) return bad_file("its movie header cannot be read");
            if (size < header || size > left) {
                if (tolerant(type)) return {};
                return bad_file("its movie header holds a box that runs past its end");
            }
            SG_TRY(child_box(parent.sub(at + header, size - header), type, child));
            at += size;
        }
        return {};
    }

    [[nodiscard]] Status child_box(const WindowedBytes& payload, FourCc parent, FourCc type) {
        if (parent == fourcc("stbl") && grows(type)) {
            if (tables_.empty() || tables_.back().size() >= kMaxTables) return {};
            tables_.back().push_back({type, payload});
            return {};
        }
        if (parent == fourcc("moov") && type == fourcc("trak")) {
            if (tables_.size() == kMaxTracks) return bad_file("more than 1024 tracks");
            tables_.emplace_back();
        }
        const std::uint64_t takes = enters(parent, type) ? 8 : payload.size() + 8;
        if (takes > limit_ - std::min(limit_, writer_.size())) {
            return Error{Errc::kLimit,
                         fmt::format("read MP4 file: its movie header holds more than {} bytes "
                                     "beside the sample tables",
                                     limit_)};
        }
        const auto box = writer_.begin_box(type);
        if (enters(parent, type)) {
            SG_TRY(children(payload, type));
        } else if (!payload.empty()) {
            const std::size_t count = payload.size();
            if (!payload.copy(0, {writer_.grow(count), count}))
                return bad_file("it is cut short inside its movie header");
        }
        writer_.end_box(box);
        return {};
    }

    static constexpr std::size_t kMaxTracks = 1024;
    static constexpr std::size_t kMaxTables = 64;
    ByteWriter writer_;
    std::vector<std::vector<TableBox>>& tables_;
    std::size_t limit_;
};

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
            file.moov_offset_ = at;
            file.moov_bytes_ = box.size;
            const WindowedBytes moov(
                std::make_shared<const ReadAt>(read), at + box.header, box.size - box.header);
            std::byte last{};
            if (box.size > UINT64_MAX / 2 - at ||
                (!moov.empty() && !moov.copy(moov.size() - 1, {&last, 1})))
                return bad_file("it is cut short inside its movie header");
            SG_TRY(MoovReader(file.kept_, file.tables_, limits.kept_bytes).read(moov));
            std::vector<Bytes> without_tables;
            SG_TRY_ASSIGN(file.info_, parse_movie(file.kept_, without_tables));
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
