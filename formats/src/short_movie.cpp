#include <algorithm>
#include <array>
#include <limits>
#include <span>

#include <formats/byte_writer.hpp>
#include <formats/short_movie.hpp>

namespace sg::formats {
namespace {

using Bytes = std::span<const std::byte>;

/// Tail samples of the leading track, at least: what is compared there begins at a key frame
/// before.
constexpr std::uint32_t kTailSamples = 100;
constexpr std::int64_t kTailLeadSeconds = 2;
/// Far below the durations that are taken for negative ones.
constexpr std::int64_t kMostStretch = std::int64_t{1} << 30;
constexpr std::uint32_t kMostStretched = 64;
/// Larger composition offsets are taken for damage.
constexpr std::int32_t kMostOffset = 1 << 28;
/// ISO/IEC 14496-10 section A.3.1.
constexpr std::size_t kDeepestReorder = 16;

/// The most negative composition offset, as libav's demuxer counts it: the last two runs do not.
template <class RunAt>
std::int32_t least_offset(std::size_t runs, RunAt run_at) {
    std::int32_t least = 0;
    for (std::size_t i = 0; i + 2 < runs; ++i)
        least = std::min(least, static_cast<std::int32_t>(run_at(i).value));
    return least;
}
std::int32_t least_offset(const SampleTable& table) {
    return least_offset(table.offset_runs(), [&](std::size_t i) { return table.offset_run(i); });
}

/// Durations or offsets that are not what they seem.
bool odd_times(const SampleTable& table, FourCc handler) {
    for (std::size_t i = 0; i < table.duration_runs(); ++i) {
        const auto run = table.duration_run(i);
        if (run.value > std::numeric_limits<std::int32_t>::max() || run.samples == 0) return true;
    }
    // Such sound is read by chunks.
    if (handler == fourcc("soun") && table.duration_runs() == 1 && table.duration_run(0).value <= 1)
        return true;
    for (std::size_t i = 0; i < table.offset_runs(); ++i) {
        const auto value = static_cast<std::int32_t>(table.offset_run(i).value);
        if (value > kMostOffset || value < -kMostOffset) return true;
    }
    return false;
}

/// For each picture, how many of those before it are shown after it.
class Reordering {
  public:
    Reordering() { last_.fill(std::numeric_limits<std::int64_t>::min()); }
    void add(std::int64_t pts) {
        most_ = std::max(most_, std::count_if(last_.begin(), last_.end(), [&](std::int64_t p) {
                             return p > pts;
                         }));
        last_[next_++ % last_.size()] = pts;
    }
    [[nodiscard]] int most() const { return static_cast<int>(most_); }

  private:
    std::array<std::int64_t, kDeepestReorder> last_{};
    std::size_t next_ = 0;
    std::ptrdiff_t most_ = 0;
};

struct LongTrack {
    std::size_t index = 0;
    const TrackInfo* info = nullptr;
    SampleTable table;
    std::uint32_t tail = 0;            ///< first sample of it
    std::optional<std::int64_t> lead;  ///< dts of the key sample where the tail begins
};

/// 0 when it varies.
std::uint32_t frame_duration(const SampleTable& table) {
    const auto runs = table.duration_runs();
    const bool same = runs == 1 || (runs == 2 && table.duration_run(1).samples == 1);
    return same ? table.duration_run(0).value : 0U;
}

ShortMovie::Track facts_of(LongTrack& track) {
    ShortMovie::Track facts;
    facts.id = track.info->id;
    facts.timescale = track.info->timescale;
    facts.frame_duration = frame_duration(track.table);
    for (std::size_t i = 0; i < track.table.duration_runs(); ++i) {
        const auto run = track.table.duration_run(i);
        facts.samples += run.samples;
        facts.duration += std::uint64_t{run.samples} * run.value;
    }
    const std::uint32_t latest = track.table.samples() - kTailSamples;
    Reordering order;
    SampleCursor cursor(track.table);
    Sample s;
    std::int64_t last_key = 0;
    while (cursor.next(s)) {
        facts.bytes += s.size;
        order.add(s.dts + s.composition_offset);
        if (!s.key || s.index > latest) continue;
        // A seek to the last may arrive at the one before.
        track.lead = last_key;
        last_key = s.dts;
    }
    if (cursor.damaged()) track.lead.reset();
    facts.reorder = order.most();
    return facts;
}

class TableWriter {
  public:
    TableWriter(ByteWriter& out, const LongTrack& track, std::uint32_t head)
        : out_(out), table_(track.table), tail_(track.tail), head_(head) {}

    [[nodiscard]] bool write() {
        if (!collect()) return false;
        runs(fourcc("stts"), 0, runs_of([](const Sample& s) { return s.duration; }));
        if (table_.offset_runs() > 0) {
            const auto offsets = runs_of(
                [](const Sample& s) { return static_cast<std::uint32_t>(s.composition_offset); });
            // The same shift must follow from the part as from the whole.
            if (least_offset(offsets.size(), [&](std::size_t i) { return offsets[i]; }) != least_)
                return false;
            runs(fourcc("ctts"), least_ < 0 ? 1U : 0U, offsets);
        }
        if (!keys()) return false;
        sizes_and_places();
        return true;
    }

  private:
    [[nodiscard]] bool collect() {
        SampleCursor cursor(table_);
        Sample s;
        while (samples_.size() < head_ && cursor.next(s)) samples_.push_back(s);
        if (!cursor.next(s)) return false;
        const auto from = s.dts;
        SampleCursor tail(table_);
        Sample end;
        if (!tail.seek(tail_) || !tail.next(end)) return false;
        auto gap = end.dts - from;
        const auto count = std::max<std::int64_t>(1, (gap + kMostStretch - 1) / kMostStretch);
        if (gap <= 0 || count > kMostStretched || count > std::int64_t{tail_} - s.index)
            return false;
        least_ = least_offset(table_);
        for (std::int64_t i = 0; i < count; ++i) {
            if (i > 0 && !cursor.next(s)) return false;
            s.duration = static_cast<std::uint32_t>(std::min(gap, kMostStretch));
            s.composition_offset = least_;
            gap -= s.duration;
            samples_.push_back(s);
        }
        do samples_.push_back(end);
        while (tail.next(end));
        return !tail.damaged();
    }

    template <class Value>
    [[nodiscard]] std::vector<SampleTable::Run> runs_of(Value value) const {
        std::vector<SampleTable::Run> runs;
        for (const auto& s : samples_) {
            if (runs.empty() || runs.back().value != value(s)) runs.push_back({0, value(s)});
            ++runs.back().samples;
        }
        return runs;
    }

    void runs(FourCc type, std::uint32_t version, const std::vector<SampleTable::Run>& runs) {
        const auto box = out_.begin_full_box(type, version, 0);
        out_.u32(static_cast<std::uint32_t>(runs.size()));
        for (const auto& run : runs) {
            out_.u32(run.samples);
            out_.u32(run.value);
        }
        out_.end_box(box);
    }

    [[nodiscard]] bool keys() {
        if (table_.all_key()) return true;
        const auto box = out_.begin_full_box(fourcc("stss"), 0, 0);
        const auto count_at = out_.size();
        out_.u32(0);
        std::uint32_t count = 0;
        for (std::size_t i = 0; i < samples_.size(); ++i) {
            if (!samples_[i].key) continue;
            out_.u32(static_cast<std::uint32_t>(i + 1));
            ++count;
        }
        out_.patch_u32(count_at, count);
        out_.end_box(box);
        return count > 0;
    }

    /// Each sample in a chunk of its own.
    void sizes_and_places() {
        const auto count = static_cast<std::uint32_t>(samples_.size());
        auto box = out_.begin_full_box(fourcc("stsz"), 0, 0);
        out_.u32(table_.constant_size());
        out_.u32(count);
        if (table_.constant_size() == 0) {
            for (const auto& s : samples_) out_.u32(s.size);
        }
        out_.end_box(box);
        box = out_.begin_full_box(fourcc("stsc"), 0, 0);
        out_.u32(1);
        for (const std::uint32_t value : {1U, 1U, 1U}) out_.u32(value);
        out_.end_box(box);
        box = out_.begin_full_box(fourcc("co64"), 0, 0);
        out_.u32(count);
        for (const auto& s : samples_) out_.u64(s.offset);
        out_.end_box(box);
    }

    ByteWriter& out_;
    const SampleTable& table_;
    std::uint32_t tail_;
    std::uint32_t head_;
    std::int32_t least_ = 0;
    std::vector<Sample> samples_;
};

/// Copies moov's boxes, and writes tables where it comes by an stbl.
class MoovWriter {
  public:
    MoovWriter(const MovieFile& movie,
               const std::vector<LongTrack>& long_tracks,
               std::uint32_t head,
               ByteWriter& out)
        : movie_(movie), long_(long_tracks), head_(head), out_(out) {}

    [[nodiscard]] bool copy(Bytes parent, FourCc type) {
        Boxes boxes(parent);
        Box box;
        while (boxes.next(box)) {
            const bool track = type == fourcc("moov") && box.type == fourcc("trak");
            const bool enter = track || box.type == fourcc("mdia") || box.type == fourcc("minf") ||
                               box.type == fourcc("stbl");
            if (!enter) {
                out_.bytes(box.whole);
                continue;
            }
            const auto at = out_.begin_box(box.type);
            if (!copy(box.payload, box.type)) return false;
            if (box.type == fourcc("stbl") && !tables()) return false;
            out_.end_box(at);
            if (track) ++track_;
        }
        return !boxes.damaged();
    }

  private:
    [[nodiscard]] bool tables() {
        const auto found = std::find_if(
            long_.begin(), long_.end(), [&](const LongTrack& t) { return t.index == track_; });
        if (found != long_.end()) return TableWriter(out_, *found, head_).write();
        for (const auto& table : movie_.tables(track_)) {
            const auto at = out_.begin_box(table.type);
            const std::size_t count = table.payload.size();
            if (count > kMostShortTable || !table.payload.copy(0, {out_.grow(count), count}))
                return false;
            out_.end_box(at);
        }
        return true;
    }

    static constexpr std::size_t kMostShortTable = std::size_t{4} << 20;
    const MovieFile& movie_;
    const std::vector<LongTrack>& long_;
    std::uint32_t head_;
    ByteWriter& out_;
    std::size_t track_ = 0;
};

/// Per-sample boxes that would have to be cut, too, or say more of the samples than we read.
bool has_more_tables(const std::vector<TableBox>& tables) {
    return std::any_of(tables.begin(), tables.end(), [](const TableBox& t) {
        return t.type == fourcc("stps") || t.type == fourcc("saiz") || t.type == fourcc("saio") ||
               t.type == fourcc("senc");
    });
}

/// Where each track's tail begins: at the same moment in all. False when a tail is too long.
bool place_tails(std::vector<LongTrack>& tracks, const ShortMovieOptions& options) {
    const bool pictures = std::any_of(tracks.begin(), tracks.end(), [](const LongTrack& t) {
        return t.info->handler == fourcc("vide");
    });
    double from = std::numeric_limits<double>::max();
    for (const auto& t : tracks) {
        if (!t.lead) return false;
        if (pictures != (t.info->handler == fourcc("vide"))) continue;
        from = std::min(from, static_cast<double>(*t.lead) / t.info->timescale);
    }
    from -= kTailLeadSeconds;
    for (auto& t : tracks) {
        const auto first = t.table.sample_at(static_cast<std::int64_t>(from * t.info->timescale));
        if (!first) return false;
        t.tail = *first;
        if (t.tail <= options.head || t.table.samples() - t.tail > options.most_tail) return false;
    }
    return true;
}

}  // namespace

std::optional<ShortMovie> shorten(const MovieFile& movie, const ShortMovieOptions& options) {
    if (movie.info().fragmented) return std::nullopt;
    std::vector<LongTrack> tracks;
    std::uint64_t samples = 0;
    for (std::size_t i = 0; i < movie.info().tracks.size(); ++i) {
        const auto& info = movie.info().tracks[i];
        auto table = movie.samples(i);
        if (!table) return std::nullopt;
        samples += table->samples();
        if (table->samples() <= 2 * options.head) continue;
        const bool odd = has_more_tables(movie.tables(i)) || table->grouped_keys() ||
                         info.sample_entries != 1 || odd_times(*table, info.handler);
        if (odd) return std::nullopt;
        tracks.push_back({i, &info, std::move(*table), 0, {}});
    }
    if (tracks.empty() || samples < options.from_samples) return std::nullopt;
    ShortMovie out;
    for (auto& t : tracks) out.tracks.push_back(facts_of(t));
    if (!place_tails(tracks, options)) return std::nullopt;
    ByteWriter writer(out.header);
    const auto moov = writer.begin_box(fourcc("moov"));
    if (!MoovWriter(movie, tracks, options.head, writer).copy(movie.kept(), fourcc("moov")))
        return std::nullopt;
    writer.end_box(moov);
    out.offset = movie.moov_offset();
    out.bytes = movie.moov_bytes();
    constexpr std::uint64_t kFreeHeader = 8;
    const auto used = out.header.size() + kFreeHeader;
    if (used > out.bytes || out.bytes - out.header.size() > UINT32_MAX) return std::nullopt;
    writer.u32(static_cast<std::uint32_t>(out.bytes - out.header.size()));
    writer.u32(fourcc("free"));
    return out;
}

}  // namespace sg::formats
