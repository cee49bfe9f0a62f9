#include <algorithm>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <formats/bmff_sample_table.hpp>

namespace sg::formats {

namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kTimeEntry = 8;
constexpr std::size_t kChunkEntry = 12;

Error bad_table(std::string_view why) {
    return Error{Errc::kBadData, fmt::format("read MP4 sample table: {}", why)};
}

const WindowedBytes* find_table(const std::vector<TableBox>& stbl, FourCc type) {
    const auto found = std::find_if(
        stbl.begin(), stbl.end(), [&](const TableBox& box) { return box.type == type; });
    return found != stbl.end() ? &found->payload : nullptr;
}

/// Entries of a full box that starts with their count; empty when the box is missing, kBadData when
/// it is cut short.
Result<WindowedBytes> table_entries(const std::vector<TableBox>& stbl,
                                    FourCc type,
                                    std::size_t entry_bytes) {
    const auto* box = find_table(stbl, type);
    if (box == nullptr) return WindowedBytes{};
    const std::uint64_t bytes = box->size() < 8 ? 0 : std::uint64_t{box->u32(4)} * entry_bytes;
    if (box->size() < 8 || box->failed() || bytes > box->size() - 8) {
        return bad_table(fourcc_text(type) + " is cut short");
    }
    return box->sub(8, bytes);
}

bool has_key_groups(const std::vector<TableBox>& stbl) {
    return std::any_of(stbl.begin(), stbl.end(), [](const TableBox& box) {
        if (box.type != fourcc("sbgp") && box.type != fourcc("csgp")) return false;
        if (box.payload.size() < 8) return false;
        const FourCc grouping = box.payload.u32(4);
        return grouping == fourcc("rap ") || grouping == fourcc("sync");
    });
}

}  // namespace

Result<SampleTable> SampleTable::parse(Bytes stbl, const SampleTableLimits& limits) {
    const auto read = std::make_shared<const ReadAt>(
        [stbl](std::uint64_t offset, std::span<std::byte> into) -> Result<std::size_t> {
            if (offset >= stbl.size()) return std::size_t{0};
            const auto from = stbl.subspan(offset);
            const auto count = std::min(from.size(), into.size());
            std::copy_n(from.begin(), count, into.begin());
            return count;
        });
    std::vector<TableBox> tables;
    Boxes boxes(stbl);
    Box box;
    while (boxes.next(box)) {
        const auto at = static_cast<std::uint64_t>(box.payload.data() - stbl.data());
        tables.push_back({box.type, WindowedBytes(read, at, box.payload.size())});
    }
    return parse(tables, limits);
}

Result<SampleTable> SampleTable::parse(const std::vector<TableBox>& stbl,
                                       const SampleTableLimits& limits) {
    SampleTable table;
    SG_TRY(table.parse_sizes(stbl, limits));
    SG_TRY(table.parse_chunks(stbl));
    SG_TRY(table.parse_times(stbl));
    table.grouped_keys_ = has_key_groups(stbl);
    if (table.failed()) return bad_table("it cannot be read");
    return table;
}

bool SampleTable::failed() const {
    return sizes_.failed() || durations_.failed() || offsets_.failed() || chunk_runs_.failed() ||
           chunks_.failed() || keys_.failed();
}

Status SampleTable::parse_sizes(const std::vector<TableBox>& stbl,
                                const SampleTableLimits& limits) {
    constexpr std::uint64_t kHeader = 12;
    if (const auto* stsz = find_table(stbl, fourcc("stsz"))) {
        if (stsz->size() < kHeader) return bad_table("stsz is cut short");
        constant_size_ = stsz->u32(4);
        samples_ = stsz->u32(8);
        size_bits_ = constant_size_ == 0 ? 32 : 0;
        sizes_ = stsz->sub(kHeader, stsz->size());
        if (stsz->failed()) return bad_table("stsz cannot be read");
    } else if (const auto* stz2 = find_table(stbl, fourcc("stz2"))) {
        if (stz2->size() < kHeader) return bad_table("stz2 is cut short");
        size_bits_ = stz2->u8(7);
        samples_ = stz2->u32(8);
        sizes_ = stz2->sub(kHeader, stz2->size());
        if (stz2->failed()) return bad_table("stz2 cannot be read");
        if (size_bits_ != 4 && size_bits_ != 8 && size_bits_ != 16) {
            return bad_table("stz2 has sizes of neither 4, 8 nor 16 bits");
        }
    } else {
        return bad_table("there is neither stsz nor stz2");
    }
    if (std::uint64_t{samples_} * size_bits_ > std::uint64_t{sizes_.size()} * 8) {
        return bad_table("there are fewer sample sizes than samples");
    }
    if (samples_ > limits.samples) {
        return Error{Errc::kLimit,
                     fmt::format("read MP4 sample table: {} samples are over the limit of {}",
                                 samples_,
                                 limits.samples)};
    }
    return {};
}

Status SampleTable::parse_chunks(const std::vector<TableBox>& stbl) {
    SG_TRY_ASSIGN(const WindowedBytes runs, table_entries(stbl, fourcc("stsc"), kChunkEntry));
    chunk_runs_ = Words(runs);
    wide_chunks_ = find_table(stbl, fourcc("co64")) != nullptr;
    const FourCc type = wide_chunks_ ? fourcc("co64") : fourcc("stco");
    SG_TRY_ASSIGN(const WindowedBytes chunks, table_entries(stbl, type, wide_chunks_ ? 8 : 4));
    chunks_ = Words(chunks);
    if (samples_ > 0 && (runs.empty() || chunks.empty())) {
        return bad_table("there are samples but no chunks");
    }
    if (!runs.empty() && chunk_runs_[0] != 1) return bad_table("stsc does not start at chunk 1");
    for (std::size_t i = 0; i < chunk_runs_.size(); i += 3) {
        if (chunk_runs_[i + 1] == 0) return bad_table("stsc has a chunk without samples");
        if (i > 0 && chunk_runs_[i] <= chunk_runs_[i - 3]) return bad_table("stsc is out of order");
    }
    return {};
}

Status SampleTable::parse_times(const std::vector<TableBox>& stbl) {
    SG_TRY_ASSIGN(const WindowedBytes durations, table_entries(stbl, fourcc("stts"), kTimeEntry));
    durations_ = Words(durations);
    if (samples_ > 0 && durations.empty()) return bad_table("there are samples but no stts");
    SG_TRY_ASSIGN(const WindowedBytes offsets, table_entries(stbl, fourcc("ctts"), kTimeEntry));
    offsets_ = Words(offsets);
    all_key_ = find_table(stbl, fourcc("stss")) == nullptr;
    SG_TRY_ASSIGN(const WindowedBytes keys, table_entries(stbl, fourcc("stss"), 4));
    keys_ = Words(keys);
    for (std::size_t i = 1; i < keys_.size(); ++i) {
        if (keys_[i] <= keys_[i - 1]) return bad_table("stss is out of order");
    }
    return {};
}

std::uint32_t SampleTable::size_of(std::uint32_t sample) const {
    switch (size_bits_) {
        case 32:
            return sizes_.u32(std::uint64_t{4} * sample);
        case 16:
            return sizes_.u16(std::uint64_t{2} * sample);
        case 8:
            return sizes_.u8(sample);
        case 4:
            return static_cast<std::uint32_t>(sizes_.u8(sample / 2) >> (sample % 2 == 0 ? 4 : 0)) &
                   15U;
        default:
            return constant_size_;
    }
}

std::uint64_t SampleTable::chunk_offset(std::size_t chunk) const {
    if (!wide_chunks_) return chunks_[chunk];
    return std::uint64_t{chunks_[2 * chunk]} << 32 | chunks_[2 * chunk + 1];
}

std::optional<std::uint32_t> SampleTable::sample_at(std::int64_t dts) const {
    if (samples_ == 0 || dts < 0) return std::nullopt;
    std::uint64_t first = 0;
    std::int64_t begins = 0;
    for (std::size_t i = 0; i < duration_runs() && first < samples_; ++i) {
        const auto [said, delta] = duration_run(i);
        const auto count = std::min<std::uint64_t>(said, samples_ - first);
        const auto lasts = static_cast<std::int64_t>(count * delta);
        if (dts < begins + lasts)
            return static_cast<std::uint32_t>(std::min<std::uint64_t>(
                first + static_cast<std::uint64_t>((dts - begins) / delta), samples_ - 1));
        first += count;
        begins += lasts;
    }
    return samples_ - 1;
}

std::optional<std::uint32_t> SampleTable::key_up_to(std::uint32_t sample) const {
    if (sample >= samples_) return std::nullopt;
    if (all_key_) return sample;
    std::size_t low = 0;
    std::size_t high = keys_.size();
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        if (keys_[middle] <= std::uint64_t{sample} + 1)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || keys_[low - 1] == 0) return std::nullopt;
    return keys_[low - 1] - 1;
}

SampleCursor::SampleCursor(SampleTable table) : table_(std::move(table)) {}

void SampleCursor::rewind() {
    index_ = 0;
    dts_ = 0;
    duration_ = offset_ = {};
    chunk_run_ = chunk_ = 0;
    in_chunk_ = 0;
    position_ = 0;
    key_ = 0;
    damaged_ = false;
}

/// Makes the chunk's start the position; false when there is no such chunk.
bool SampleCursor::enter_chunk() {
    const SampleTable& table = table_;
    const std::size_t chunks = table.wide_chunks_ ? table.chunks_.size() / 2 : table.chunks_.size();
    if (chunk_ >= chunks) return false;
    const std::size_t next_run = 3 * (chunk_run_ + 1);
    // stsc counts chunks from 1.
    if (next_run < table.chunk_runs_.size() && table.chunk_runs_[next_run] == chunk_ + 1) {
        ++chunk_run_;
    }
    position_ = table.chunk_offset(chunk_);
    return true;
}

void SampleCursor::advance_chunk() {
    if (++in_chunk_ < table_.chunk_runs_[3 * chunk_run_ + 1]) return;
    in_chunk_ = 0;
    ++chunk_;
}

/// Where the sample lies. Moves on to the sample after it.
bool SampleCursor::place(Sample& sample) {
    if (in_chunk_ == 0 && !enter_chunk()) return false;
    sample.size = table_.size_of(index_);
    sample.offset = position_;
    sample.description = table_.chunk_runs_[3 * chunk_run_ + 2];
    if (sample.size > std::numeric_limits<std::uint64_t>::max() - position_) return false;
    position_ += sample.size;
    advance_chunk();
    return true;
}

bool SampleCursor::next(Sample& sample) {
    const SampleTable& table = table_;
    if (damaged_ || index_ >= table.samples_) return false;
    while (duration_.entry < table.durations_.size() &&
           duration_.used >= table.durations_[duration_.entry]) {
        duration_ = Run{duration_.entry + 2, 0};
    }
    while (offset_.entry < table.offsets_.size() && offset_.used >= table.offsets_[offset_.entry]) {
        offset_ = Run{offset_.entry + 2, 0};
    }
    if (duration_.entry >= table.durations_.size() || !place(sample) || table.failed()) {
        damaged_ = true;
        return false;
    }
    sample.index = index_;
    sample.dts = dts_;
    sample.duration = table.durations_[duration_.entry + 1];
    // Version 0 holds unsigned offsets by the letter, yet writers put negative ones there too.
    const bool has_offset = offset_.entry < table.offsets_.size();
    sample.composition_offset =
        has_offset ? static_cast<std::int32_t>(table.offsets_[offset_.entry + 1]) : 0;
    while (key_ < table.keys_.size() && table.keys_[key_] <= index_) ++key_;
    sample.key = table.all_key_ || (key_ < table.keys_.size() && table.keys_[key_] == index_ + 1);
    ++duration_.used;
    if (has_offset) ++offset_.used;
    dts_ += sample.duration;
    ++index_;
    return true;
}

Status SampleCursor::seek(std::uint32_t target) {
    const SampleTable& table = table_;
    rewind();
    if (target > table.samples_) {
        return Error{Errc::kInvalidArgument,
                     fmt::format("seek in MP4 sample table: there is no sample {}", target)};
    }
    const auto skip_runs = [target](const SampleTable::Words& words, auto&& on_run) {
        Run run;
        std::uint32_t left = target;
        while (left > 0 && run.entry < words.size()) {
            const std::uint32_t here = std::min(left, words[run.entry]);
            on_run(here, words[run.entry + 1]);
            left -= here;
            run.used = here;
            if (left > 0) run = Run{run.entry + 2, 0};
        }
        return run;
    };
    duration_ = skip_runs(table.durations_, [this](std::uint32_t count, std::uint32_t delta) {
        dts_ += std::int64_t{count} * delta;
    });
    offset_ = skip_runs(table.offsets_, [](std::uint32_t, std::uint32_t) {});

    std::uint32_t left = target;
    const std::size_t runs = table.chunk_runs_.size() / 3;
    for (chunk_run_ = 0; chunk_run_ + 1 < runs; ++chunk_run_) {
        const std::uint64_t chunks =
            table.chunk_runs_[3 * chunk_run_ + 3] - table.chunk_runs_[3 * chunk_run_];
        const std::uint64_t samples = chunks * table.chunk_runs_[3 * chunk_run_ + 1];
        if (samples > left) break;
        left -= static_cast<std::uint32_t>(samples);
        chunk_ += chunks;
    }
    if (target > 0 && runs > 0) {
        const std::uint32_t per_chunk = table.chunk_runs_[3 * chunk_run_ + 1];
        chunk_ += left / per_chunk;
        const std::uint32_t into = left % per_chunk;
        if (into > 0) {
            if (!enter_chunk()) return bad_table("it has fewer chunks than samples need");
            for (std::uint32_t i = target - into; i < target; ++i) position_ += table.size_of(i);
            in_chunk_ = into;
        }
    }
    index_ = target;
    return {};
}

}  // namespace sg::formats
